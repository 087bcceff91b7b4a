"""Names of ATT&CK tactics and techniques that Sigma tags refer to by ID.

Both generations of the renumbered defence techniques are here: version 19 renamed Defense
Evasion to Stealth, added Defense Impairment, and gave Impair Defenses new numbers.

Source: MITRE ATT&CK, Enterprise matrix.
"""

from collections.abc import Iterable

from ekswatch.rules.detection import Technique

TACTICS = {
    "reconnaissance": "Reconnaissance",
    "resource-development": "Resource Development",
    "initial-access": "Initial Access",
    "execution": "Execution",
    "persistence": "Persistence",
    "privilege-escalation": "Privilege Escalation",
    "defense-evasion": "Defense Evasion",
    "stealth": "Stealth",
    "defense-impairment": "Defense Impairment",
    "credential-access": "Credential Access",
    "discovery": "Discovery",
    "lateral-movement": "Lateral Movement",
    "collection": "Collection",
    "command-and-control": "Command and Control",
    "exfiltration": "Exfiltration",
    "impact": "Impact",
}

TECHNIQUES = {
    "T1003": "OS Credential Dumping",
    "T1003.008": "/etc/passwd and /etc/shadow",
    "T1005": "Data from Local System",
    "T1021": "Remote Services",
    "T1021.007": "Cloud Services",
    "T1036": "Masquerading",
    "T1036.005": "Match Legitimate Resource Name or Location",
    "T1036.010": "Masquerade Account Name",
    "T1040": "Network Sniffing",
    "T1041": "Exfiltration Over C2 Channel",
    "T1046": "Network Service Discovery",
    "T1048": "Exfiltration Over Alternative Protocol",
    "T1053": "Scheduled Task/Job",
    "T1053.007": "Container Orchestration Job",
    "T1059": "Command and Scripting Interpreter",
    "T1059.004": "Unix Shell",
    "T1059.006": "Python",
    "T1068": "Exploitation for Privilege Escalation",
    "T1069": "Permission Groups Discovery",
    "T1069.003": "Cloud Groups",
    "T1070": "Indicator Removal",
    "T1070.004": "File Deletion",
    "T1071": "Application Layer Protocol",
    "T1072": "Software Deployment Tools",
    "T1074": "Data Staged",
    "T1078": "Valid Accounts",
    "T1078.001": "Default Accounts",
    "T1078.003": "Local Accounts",
    "T1078.004": "Cloud Accounts",
    "T1082": "System Information Discovery",
    "T1087": "Account Discovery",
    "T1087.004": "Cloud Account",
    "T1090": "Proxy",
    "T1090.003": "Multi-hop Proxy",
    "T1098": "Account Manipulation",
    "T1098.001": "Additional Cloud Credentials",
    "T1098.003": "Additional Cloud Roles",
    "T1098.004": "SSH Authorized Keys",
    "T1098.006": "Additional Container Cluster Roles",
    "T1105": "Ingress Tool Transfer",
    "T1110": "Brute Force",
    "T1119": "Automated Collection",
    "T1133": "External Remote Services",
    "T1134": "Access Token Manipulation",
    "T1134.001": "Token Impersonation/Theft",
    "T1136": "Create Account",
    "T1136.003": "Cloud Account",
    "T1190": "Exploit Public-Facing Application",
    "T1195": "Supply Chain Compromise",
    "T1195.002": "Compromise Software Supply Chain",
    "T1199": "Trusted Relationship",
    "T1204": "User Execution",
    "T1204.003": "Malicious Image",
    "T1210": "Exploitation of Remote Services",
    "T1211": "Exploitation for Defense Evasion",
    "T1213": "Data from Information Repositories",
    "T1222": "File and Directory Permissions Modification",
    "T1485": "Data Destruction",
    "T1486": "Data Encrypted for Impact",
    "T1489": "Service Stop",
    "T1490": "Inhibit System Recovery",
    "T1496": "Resource Hijacking",
    "T1496.001": "Compute Hijacking",
    "T1498": "Network Denial of Service",
    "T1499": "Endpoint Denial of Service",
    "T1518": "Software Discovery",
    "T1525": "Implant Internal Image",
    "T1526": "Cloud Service Discovery",
    "T1528": "Steal Application Access Token",
    "T1529": "System Shutdown/Reboot",
    "T1530": "Data from Cloud Storage",
    "T1531": "Account Access Removal",
    "T1537": "Transfer Data to Cloud Account",
    "T1538": "Cloud Service Dashboard",
    "T1539": "Steal Web Session Cookie",
    "T1543": "Create or Modify System Process",
    "T1543.005": "Container Service",
    "T1546": "Event Triggered Execution",
    "T1547": "Boot or Logon Autostart Execution",
    "T1548": "Abuse Elevation Control Mechanism",
    "T1550": "Use Alternate Authentication Material",
    "T1550.001": "Application Access Token",
    "T1552": "Unsecured Credentials",
    "T1552.001": "Credentials In Files",
    "T1552.004": "Private Keys",
    "T1552.005": "Cloud Instance Metadata API",
    "T1552.007": "Container API",
    "T1553": "Subvert Trust Controls",
    "T1555": "Credentials from Password Stores",
    "T1555.006": "Cloud Secrets Management Stores",
    "T1556": "Modify Authentication Process",
    "T1557": "Adversary-in-the-Middle",
    "T1562": "Impair Defenses",
    "T1562.001": "Disable or Modify Tools",
    "T1562.004": "Disable or Modify System Firewall",
    "T1562.007": "Disable or Modify Cloud Firewall",
    "T1562.008": "Disable or Modify Cloud Logs",
    "T1564": "Hide Artifacts",
    "T1565": "Data Manipulation",
    "T1565.001": "Stored Data Manipulation",
    "T1565.002": "Transmitted Data Manipulation",
    "T1567": "Exfiltration Over Web Service",
    "T1571": "Non-Standard Port",
    "T1572": "Protocol Tunneling",
    "T1574": "Hijack Execution Flow",
    "T1578": "Modify Cloud Compute Infrastructure",
    "T1580": "Cloud Infrastructure Discovery",
    "T1586": "Compromise Accounts",
    "T1595": "Active Scanning",
    "T1606": "Forge Web Credentials",
    "T1609": "Container Administration Command",
    "T1610": "Deploy Container",
    "T1611": "Escape to Host",
    "T1612": "Build Image on Host",
    "T1613": "Container and Resource Discovery",
    "T1619": "Cloud Storage Object Discovery",
    "T1648": "Serverless Execution",
    "T1649": "Steal or Forge Authentication Certificates",
    "T1651": "Cloud Administration Command",
    "T1685": "Disable or Modify Tools",
    "T1685.002": "Disable or Modify Cloud Log",
    "T1686": "Disable or Modify System Firewall",
}


def tactics(tags: Iterable[str]) -> tuple[str, ...]:
    """The tactic names of Sigma tags (`attack.credential-access`), in their order, once each."""
    names = (TACTICS.get(_attack(tag).replace("_", "-")) for tag in tags)
    return tuple(dict.fromkeys(name for name in names if name))


def techniques(tags: Iterable[str]) -> tuple[Technique, ...]:
    """The techniques of Sigma tags (`attack.t1552.007`); an unlisted one is named by its ID."""
    found = dict.fromkeys(_attack(tag).upper() for tag in tags if is_technique(tag))
    return tuple(Technique(one, TECHNIQUES.get(one, one)) for one in found)


def is_technique(tag: str) -> bool:
    name = _attack(tag)
    return name[:1] == "t" and name[1:5].isdigit() and name[5:6] in ("", ".")


def _attack(tag: str) -> str:
    namespace, _, name = tag.lower().partition(".")
    return name if namespace == "attack" else ""
