// Package gen writes the files that describe the commands, manual pages and completions, from the
// tree of commands itself, and from the modules THIRD_PARTY_NOTICES, for those that are linked in, and
// the hash in flake.nix.
package gen

//go:generate go test -run TestFiles_areFresh -update .

import (
	"slices"
	"strings"

	"github.com/evshell/ev/cmd"
)

// A File is one generated file.
type File struct {
	Path string // from the module's root
	Text []byte
}

// Files returns all that is generated from the commands.
func Files() ([]File, error) {
	root := cmd.Root()
	files, err := completion(root)
	if err != nil {
		return nil, err
	}
	files = append(files, manual(root)...)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}
