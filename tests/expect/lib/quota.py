"""quota.py - a user's quota on a file system that is mounted with usrquota, by
quotactl(2).
"""
import ctypes
import errno
import os

GET, SET = 0x800007 << 8, 0x800008 << 8  # QCMD(Q_..., USRQUOTA)
BLOCKS, FILES = 1, 4  # what dqb_valid calls the limits of these


class Dqblk(ctypes.Structure):
    """struct if_dqblk: the limit on blocks is in KiB, the space in octets."""
    _fields_ = [(name, ctypes.c_uint64) for name in (
        "blocks", "soft_blocks", "space", "files", "soft_files", "made",
        "time", "files_time")] + [("valid", ctypes.c_uint32)]


def quotactl(command, where, uid, block):
    with open("/proc/mounts") as f:
        device = [line.split()[0] for line in f if line.split()[1] == where][-1]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.quotactl(command, device.encode(), uid, ctypes.byref(block)) != 0:
        raise OSError(ctypes.get_errno(), "quotactl", where)


def limit(where, uid, what):
    """Of BLOCKS or FILES the user has there all that he may have from now on."""
    os.sync()
    now = Dqblk()
    quotactl(GET, where, uid, now)
    quotactl(SET, where, uid, Dqblk(blocks=(now.space + 1023) // 1024,
                                    files=now.made, valid=what))


def unlimit(where, uid):
    quotactl(SET, where, uid, Dqblk(valid=BLOCKS | FILES))


def is_reached(where, uid):
    """Whether the user cannot have one more file with something in it."""
    probe = where + "/probe"
    os.mkdir(probe)
    os.chmod(probe, 0o777)
    pid = os.fork()
    if pid == 0:
        os.setgroups([]), os.setgid(uid), os.setuid(uid)
        why = 0
        try:
            with open(probe + "/file", "wb", buffering=0) as f:
                f.write(b"\0" * 1024)
        except OSError as e:
            why = e.errno
        os._exit(why != errno.EDQUOT)
    status = os.waitpid(pid, 0)[1]
    if os.path.exists(probe + "/file"):
        os.unlink(probe + "/file")
    os.rmdir(probe)
    return status == 0
