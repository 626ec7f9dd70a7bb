package gen

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//nolint:gochecknoglobals // a flag of the test binary
var update = flag.Bool("update", false, "write the generated files")

// TestFiles_areFresh fails if a command has changed and man/ or completions/ have not: go generate
// ./... writes them.
func TestFiles_areFresh(t *testing.T) {
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, f := range files {
		known[f.Path] = true
		isFresh(t, f)
	}
	for _, dir := range []string{"man", "completions"} {
		entries, err := os.ReadDir(filepath.Join(root(), dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !known[dir+"/"+e.Name()] && filepath.Ext(e.Name()) != ".go" {
				t.Errorf("%s/%s is not generated: remove it", dir, e.Name())
			}
		}
	}
}

// TestFiles_areFresh_notices fails if another module is linked in, or one has another licence.
func TestFiles_areFresh_notices(t *testing.T) {
	f, err := Notices(t.Context(), root())
	if errors.Is(err, ErrNoSources) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	isFresh(t, f)
}

// TestFiles_areFresh_flake fails if go.mod has changed, and the hash that Nix asks for has not.
func TestFiles_areFresh_flake(t *testing.T) {
	f, err := Flake(t.Context(), root(), t.TempDir())
	if errors.Is(err, ErrNoSources) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	isFresh(t, f)
}

func root() string { return filepath.Join("..", "..") }

// isFresh fails if a file is not what was committed. With -update it writes it.
func isFresh(t *testing.T, f File) {
	t.Helper()
	path := filepath.Join(root(), f.Path)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, f.Text) {
		t.Errorf("%s is stale: run go generate ./...", f.Path)
	}
}

// TestManual_isPackaged: each section of the manual has its place in the packages.
func TestManual_isPackaged(t *testing.T) {
	packages, err := os.ReadFile(filepath.Join("..", "..", ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Path, "man/") {
			continue
		}
		section := strings.TrimPrefix(filepath.Ext(f.Path), ".")
		want := fmt.Sprintf(`man/*.%s.gz", dst: /usr/share/man/man%[1]s/`, section)
		if !strings.Contains(string(packages), want) {
			t.Errorf("%s is in no package: .goreleaser.yaml lacks %s", f.Path, want)
		}
		if !strings.Contains(string(packages), "\n      - "+f.Path+"\n") {
			t.Errorf("%s is not in the cask: add it to its manpages in .goreleaser.yaml", f.Path)
		}
	}
}

// TestManual_isClean asks mandoc whether it likes the pages.
func TestManual_isClean(t *testing.T) {
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("needs mandoc")
	}
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasPrefix(f.Path, "man/") {
			continue
		}
		c := exec.CommandContext(t.Context(), mandoc, "-T", "lint", "-W", "style")
		c.Stdin = bytes.NewReader(f.Text)
		if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", f.Path, err, out)
		}
	}
}
