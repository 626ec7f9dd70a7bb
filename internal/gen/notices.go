package gen

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// systems are those that ev is built for: what is linked in differs.
func systems() []string { return []string{"darwin", "freebsd", "linux", "netbsd", "openbsd"} }

// ErrNoSources is returned where the modules that are linked in are not there to be read.
var ErrNoSources = errors.New("needs the go command, and the sources of all modules")

// noSources is ErrNoSources with what a go command has said, on one line.
func noSources(c *exec.Cmd, err error, said []byte) error {
	return fmt.Errorf("%w: %s: %w: %s", ErrNoSources, strings.Join(c.Args[:3], " "), err, bytes.Join(bytes.Fields(said), []byte(" ")))
}

// Notices returns the licences of all that is linked into ev, each text once, below the names of
// the modules that are under it. They come from the module cache, or from vendor/; nothing is
// fetched.
func Notices(ctx context.Context, root string) (File, error) {
	under := map[string][]string{} // a text: the modules
	texts := map[string]map[string]bool{}
	for _, system := range systems() {
		packages, err := linked(ctx, root, system)
		if err != nil {
			return File{}, err
		}
		for _, p := range packages {
			if texts[p.module] == nil {
				texts[p.module] = map[string]bool{}
			}
			if err := p.licences(texts[p.module]); err != nil {
				return File{}, err
			}
		}
	}
	// Go's own licence and grant of patents are those of its modules, which, unlike it, don't depend
	// on the toolchain.
	const golang = "golang.org/x/sys"
	texts["Go's runtime and standard library"] = texts[golang]
	for _, module := range slices.Sorted(maps.Keys(texts)) {
		if len(texts[module]) == 0 {
			return File{}, fmt.Errorf("%w: %s has no licence there", ErrNoSources, module)
		}
		for text := range texts[module] {
			under[text] = append(under[text], module)
		}
	}
	var b bytes.Buffer
	b.WriteString("Ev contains software of others. Each text below is the licence, or a notice, of what is\n" +
		"named above it.\n")
	byModules := func(a, b string) int {
		return cmp.Or(slices.Compare(under[a], under[b]), cmp.Compare(a, b))
	}
	for _, text := range slices.SortedFunc(maps.Keys(under), byModules) {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(under[text], "\n"), text)
	}
	return File{"THIRD_PARTY_NOTICES", b.Bytes()}, nil
}

// A linkedPackage is a package of another module that is linked in.
type linkedPackage struct{ module, path, dir string }

// linked returns the packages of other modules that ev is built from on a system.
func linked(ctx context.Context, root, system string) ([]linkedPackage, error) {
	const format = `{{if and .Module (not .Module.Main)}}{{.Module.Path}} {{.ImportPath}} {{.Dir}}{{end}}`
	c := exec.CommandContext(ctx, "go", "list", "-deps", "-f", format, ".")
	c.Dir = root
	c.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0", "GOPROXY=off")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return nil, noSources(c, err, stderr.Bytes())
	}
	var packages []linkedPackage
	for line := range strings.Lines(string(out)) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(words) == 3 {
			packages = append(packages, linkedPackage{words[0], words[1], words[2]})
		}
	}
	return packages, nil
}

// licences adds the texts that hold for a package: those beside it, and those above it in its
// module.
func (p linkedPackage) licences(texts map[string]bool) error {
	isLicence := regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents)([.-].*)?$`)
	dir := p.dir
	for at := p.path; strings.HasPrefix(at+"/", p.module+"/"); at, dir = path.Dir(at), filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", ErrNoSources, err)
		} else if err != nil {
			return err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !isLicence.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			texts[strings.Trim(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")] = true
		}
	}
	return nil
}
