// Ev waits for something to happen, then prints it or runs a command.
package main

import (
	"os"

	"github.com/evshell/ev/cmd"
)

func main() {
	os.Exit(cmd.Main(os.Args[1:]))
}
