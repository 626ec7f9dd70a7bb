package sig

import "syscall"

// Describe returns what a signal means, and what it is used for, in a few words; of no signal,
// nothing.
func Describe(sig syscall.Signal) string {
	switch Name(sig) {
	case "HUP":
		return "hangup: the terminal is gone; by habit: reload"
	case "INT":
		return "interrupt: Ctrl-C"
	case "QUIT":
		return `quit: Ctrl-\`
	case "ILL":
		return "illegal instruction"
	case "TRAP":
		return "breakpoint or trace trap"
	case "ABRT":
		return "abort: abort(3), a failed assertion"
	case "EMT":
		return "emulated instruction"
	case "BUS":
		return "bus error: memory that is not there"
	case "FPE":
		return "arithmetic error, such as a division by zero"
	case "KILL":
		return "kill: ends a process, cannot be caught"
	case "USR1", "USR2":
		return "free for any use"
	case "SEGV":
		return "segmentation violation: memory that may not be touched"
	case "PIPE":
		return "a write to a pipe that nobody reads"
	case "ALRM":
		return "alarm clock: alarm(2)"
	case "TERM":
		return "terminate: please end"
	case "STKFLT":
		return "stack fault; unused"
	case "CHLD":
		return "a child has ended, stopped or gone on"
	case "CONT":
		return "go on after a stop: fg, bg"
	case "STOP":
		return "stop: cannot be caught"
	case "TSTP":
		return "stop from the terminal: Ctrl-Z"
	case "TTIN":
		return "a background job reads from the terminal"
	case "TTOU":
		return "a background job writes to the terminal"
	case "URG":
		return "urgent data on a socket"
	case "XCPU":
		return "over the limit of processor time"
	case "XFSZ":
		return "over the limit of a file's size"
	case "VTALRM":
		return "alarm clock of the process's own processor time"
	case "PROF":
		return "alarm clock of the profiler"
	case "WINCH":
		return "the terminal's window has another size"
	case "IO":
		return "a descriptor is ready"
	case "PWR":
		return "the power is failing"
	case "INFO":
		return "a status report is asked for: Ctrl-T"
	case "SYS":
		return "bad system call"
	case "THR":
		return "kept for threads"
	}
	if IsRealTime(sig) {
		return "real-time, free for any use"
	}
	return ""
}
