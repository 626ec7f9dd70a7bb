// Package completions holds the scripts that have a shell complete what is typed after ev.
// internal/gen writes them.
package completions

import (
	_ "embed" // for what follows
)

// The scripts, by the shells that read them.
var (
	//go:embed ev.bash
	Bash string
	//go:embed _ev
	Zsh string
	//go:embed ev.fish
	Fish string
)
