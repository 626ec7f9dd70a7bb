package term

import "golang.org/x/sys/unix"

// A Keyboard has a terminal's keys come one by one, at once and unseen, for as long as it is
// grabbed. Ctrl-Z comes as a key as well, so that the terminal can be given back first; Ctrl-C
// stays a signal.
type Keyboard struct {
	fd     int
	guard  *guard
	before *unix.Termios // the first time: a shell that continues a job gives it back the settings that it had then
}

// NewKeyboard makes one of a terminal's descriptor.
func NewKeyboard(fd int) *Keyboard { return &Keyboard{fd: fd} }

// Guard has the terminal given back even if this process is killed (SIGKILL), by a process that
// waits for that until Close.
func (k *Keyboard) Guard() (err error) {
	k.guard, err = startGuard(k.fd)
	return err
}

// Close ends the guard. The terminal has to have been given back.
func (k *Keyboard) Close() {
	k.guard.close()
	k.guard = nil
}

// Controlling reports whether the descriptor is the terminal that controls our session, of which
// /dev/tty is another name. No other has a foreground (tcgetpgrp(3)).
func Controlling(fd int) bool {
	_, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil
}

// Foreground reports whether the terminal belongs to the process group that we are in. Others are
// stopped when they read it or change its settings (tcsetpgrp(3)).
func Foreground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// Grab makes the settings, and tells whether that worked. It is to be called in the foreground
// only.
func (k *Keyboard) Grab() bool {
	now, err := Settings(k.fd)
	if err != nil {
		return false
	}
	if k.before == nil {
		before := *now
		k.before = &before
	}
	now.Lflag &^= unix.ICANON | unix.ECHO
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	now.Cc[unix.VSUSP] = disabledChar
	k.guard.tell(loan{Out: true, Before: *k.before, Changed: *now})
	return unix.IoctlSetTermios(k.fd, setTermios, now) == nil
}

// Release makes the settings what they were, unless another process group has the terminal, and has
// set it up.
func (k *Keyboard) Release() {
	if k.before != nil && Foreground(k.fd) {
		_ = unix.IoctlSetTermios(k.fd, setTermios, k.before)
		k.guard.tell(loan{})
	}
}

// IsSuspend tells the key that stops a job, Ctrl-Z mostly. It is grabbed.
func (k *Keyboard) IsSuspend(key byte) bool { return k.before != nil && key == k.before.Cc[unix.VSUSP] }
