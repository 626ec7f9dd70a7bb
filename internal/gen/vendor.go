package gen

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
)

// Flake returns flake.nix with the hash that Nix asks for: that of the vendor directory. The modules
// come from the module cache, nothing is fetched; dir is an empty directory.
func Flake(ctx context.Context, root, dir string) (File, error) {
	const path = "flake.nix"
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return File{}, err
	}
	vendor := filepath.Join(dir, "vendor")
	c := exec.CommandContext(ctx, "go", "mod", "vendor", "-o", vendor)
	c.Dir = root
	c.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=readonly")
	if out, err := c.CombinedOutput(); err != nil {
		return File{}, noSources(c, err, out)
	}
	hash := sha256.New()
	archive(hash, "nix-archive-1")
	if err := archiveNode(hash, vendor); err != nil {
		return File{}, err
	}
	line := fmt.Appendf(nil, `vendorHash = "sha256-%s";`, base64.StdEncoding.EncodeToString(hash.Sum(nil)))
	at := regexp.MustCompile(`vendorHash = ".*";`).FindIndex(text)
	if at == nil {
		return File{}, fmt.Errorf("%s has no vendorHash", path)
	}
	return File{path, bytes.Join([][]byte{text[:at[0]], text[at[1]:]}, line)}, nil
}

// archiveNode writes a file or a directory as Nix archives it, of which it takes the hash ("The
// Purely Functional Software Deployment Model", figure 5.2). In a vendor directory nothing is
// executable, and nothing is a link.
func archiveNode(w io.Writer, path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		archive(w, "(", "type", "regular", "contents", string(text), ")")
		return nil
	}
	entries, err := os.ReadDir(path) // sorted by name, as Nix has them
	if err != nil {
		return err
	}
	archive(w, "(", "type", "directory")
	for _, e := range entries {
		archive(w, "entry", "(", "name", e.Name(), "node")
		if err := archiveNode(w, filepath.Join(path, e.Name())); err != nil {
			return err
		}
		archive(w, ")")
	}
	archive(w, ")")
	return nil
}

// archive writes texts, each with its length before it and padded to eight bytes. It is for a hash,
// which never fails.
func archive(w io.Writer, texts ...string) {
	for _, s := range texts {
		_ = binary.Write(w, binary.LittleEndian, uint64(len(s)))
		_, _ = io.WriteString(w, s)
		_, _ = w.Write(make([]byte, -len(s)&7))
	}
}
