package stat

import "golang.org/x/sys/unix"

func mountTmpfs(at string) error      { return unix.Mount("tmpfs", at, "tmpfs", 0, "") }
func mountBind(what, at string) error { return unix.Mount(what, at, "", unix.MS_BIND, "") }
func unmount(at string) error         { return unix.Unmount(at, 0) }
