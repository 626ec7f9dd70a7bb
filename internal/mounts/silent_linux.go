package mounts

import (
	"golang.org/x/sys/unix"

	"github.com/evshell/ev/internal/fdio"
)

// Silent returns the type, by statfs(2), of a file system on which something can change without
// inotify being told: by another host, by the server behind it, or by the kernel itself. For all
// others it returns "".
func Silent(path string) (string, error) {
	var st unix.Statfs_t
	if err := fdio.Retry(func() error { return unix.Statfs(path, &st) }); err != nil {
		return "", err
	}
	return silentName(uint32(st.Type)), nil
}

func silentName(magic uint32) string {
	switch magic {
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.SMB_SUPER_MAGIC:
		return "smb"
	case unix.CIFS_SUPER_MAGIC:
		return "cifs"
	case unix.SMB2_SUPER_MAGIC:
		return "smb2"
	case unix.V9FS_MAGIC:
		return "9p"
	case unix.FUSE_SUPER_MAGIC:
		return "fuse"
	case unix.CEPH_SUPER_MAGIC:
		return "ceph"
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "afs"
	case unix.CODA_SUPER_MAGIC:
		return "coda"
	case unix.NCP_SUPER_MAGIC:
		return "ncp"
	case unix.OCFS2_SUPER_MAGIC:
		return "ocfs2"
	case 0x01161970:
		return "gfs2"
	case 0x0bd00bd0:
		return "lustre"
	case 0x47504653:
		return "gpfs"
	case 0x19830326:
		return "beegfs"
	case 0x786f4256:
		return "vboxsf"
	case 0xbacbacbc:
		return "vmhgfs"
	case 0x7c7c6673:
		return "prl_fs"
	case unix.PROC_SUPER_MAGIC:
		return "proc"
	case unix.SYSFS_MAGIC:
		return "sysfs"
	case unix.DEBUGFS_MAGIC:
		return "debugfs"
	case unix.TRACEFS_MAGIC:
		return "tracefs"
	case unix.SECURITYFS_MAGIC:
		return "securityfs"
	case unix.CGROUP_SUPER_MAGIC:
		return "cgroup"
	case unix.CGROUP2_SUPER_MAGIC:
		return "cgroup2"
	case unix.PSTOREFS_MAGIC:
		return "pstore"
	case unix.BPF_FS_MAGIC:
		return "bpf"
	case unix.DEVPTS_SUPER_MAGIC:
		return "devpts"
	case unix.RDTGROUP_SUPER_MAGIC:
		return "resctrl"
	case unix.EFIVARFS_MAGIC:
		return "efivarfs"
	case unix.BINFMTFS_MAGIC:
		return "binfmt_misc"
	case unix.SELINUX_MAGIC:
		return "selinuxfs"
	}
	return ""
}
