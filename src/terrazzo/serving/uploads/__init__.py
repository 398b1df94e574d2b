"""Files that clients send: appended to, checked by content, decoded once in a process of their own.

store      uploads on disk, complete or not
upload     one upload, and its media type's suffix
sniffing   the formats that are taken, known by their first bytes
probing    runs the probe under limits, and refuses what it cannot decode
probe      the child process: header and a block, read by one pinned driver
pinning    GDAL's settings with every other driver off
space      bytes that may still be written: quota and disk
titles     names from clients, which are never paths
cleaning   removes what is older than --keep-days
errors     refusals, with their HTTP status
"""
