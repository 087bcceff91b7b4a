"""The techniques that ATT&CK has for the platform Containers: what is done to clusters.

A technique stands here by its sub-techniques where the platform has some of them, else by itself.
Numbers and names are those of the release that `ekswatch/rules/compiler/attack.py` reads.
Source: MITRE ATT&CK, Enterprise, matrix Containers of v18, with the numbers that v19 gave.
"""

CONTAINERS = frozenset(
    {
        *("T1036.005", "T1036.010", "T1046", "T1053.007", "T1059.013", "T1068", "T1069"),
        *("T1070", "T1078.001", "T1078.003", "T1098.006", "T1110.001", "T1110.003", "T1110.004"),
        *("T1133", "T1136.001", "T1190", "T1204.003", "T1485", "T1490", "T1496.001", "T1496.002"),
        *("T1498", "T1499", "T1525", "T1528", "T1543.005", "T1550.001", "T1552.001", "T1552.007"),
        *("T1609", "T1610", "T1611", "T1612", "T1613", "T1685"),
    }
)
