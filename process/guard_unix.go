//go:build unix && !linux

package process

import "github.com/evshell/ev/internal/report"

func record(*group, *Spec, uint64) string { return "" }

func ticks() uint64 { return 0 }

func overRecord(int) string { return "" }

func (g *guard) write(string) {}

// tell does nothing: without /proc a process can't be proved to be what it was.
func (g *guard) tell(*report.Reporter) {}

// Guarding does nothing.
func Guarding() (status int, ok bool) { return 0, false }
