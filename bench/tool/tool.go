// Package tool is what the programs of bench have in common.
package tool

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Must ends the program, with the error told, if there is one.
func Must(err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}

// Build builds ev, as it is released, in a directory, and returns its path.
func Build(dir string) string {
	ev := filepath.Join(dir, "ev")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", ev, ".")
	build.Dir, build.Stderr = "..", os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	Must(build.Run())
	return ev
}
