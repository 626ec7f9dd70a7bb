// How many processors a container may use is of no interest to a program that waits, and to find
// out takes a twentieth of its start.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Ev waits for something to happen, then prints it or runs a command.
package main

import (
	"os"

	"github.com/evshell/ev/cmd"
)

func main() {
	os.Exit(cmd.Main(os.Args[1:]))
}
