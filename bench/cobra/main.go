// Cobra is the least that a program with commands and flags can be, by cobra; with the tags http
// and nats the least that can serve HTTP, and send messages, besides.
package main

import (
	"os"
	"strconv"

	"github.com/spf13/cobra"
)

// uses keeps what a program links without calling it.
var uses []func() error

func main() {
	if len(os.Args) == 1 {
		for _, use := range uses {
			_ = use()
		}
	}
	root := &cobra.Command{Use: "cobra", SilenceUsage: true}
	for i, name := range []string{"timer", "every", "stat", "run", "fd", "signal", "exit", "http"} {
		cmd := &cobra.Command{
			Use: name, Short: "Do " + name, Args: cobra.MaximumNArgs(1),
			RunE: func(*cobra.Command, []string) error { return nil },
		}
		for j := range 2 {
			cmd.Flags().Int("flag-"+strconv.Itoa(2*i+j), 0, "a flag")
		}
		root.AddCommand(cmd)
	}
	if root.Execute() != nil {
		os.Exit(1)
	}
}
