// Package term says what a descriptor's terminal is and can do. It never sends the terminal a
// query: one that does not answer would hold up every command.
package term

import "golang.org/x/sys/unix"

// IsTerminal tells whether the descriptor is a terminal.
func IsTerminal(fd int) bool {
	_, err := Settings(fd)
	return err == nil
}

// Settings returns the settings of the descriptor's terminal (termios(3)).
func Settings(fd int) (*unix.Termios, error) { return unix.IoctlGetTermios(fd, getTermios) }

// Size returns the terminal's columns and rows, and false if the descriptor is no terminal or does
// not know its size.
func Size(fd int) (columns, rows int, ok bool) {
	size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return 0, 0, false
	}
	return int(size.Col), int(size.Row), true
}
