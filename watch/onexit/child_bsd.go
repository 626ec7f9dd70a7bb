//go:build darwin || freebsd || netbsd || openbsd

package onexit

import "syscall"

// childAttributes are those of a child: a group of its own.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
