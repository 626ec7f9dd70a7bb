package durable

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReplace(t *testing.T) {
	for name, write := range map[string]func(string, []byte) error{"for good": WriteFile, "soon": Replace} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
			if err := os.Symlink("file", link); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"old", "new"} {
				if err := write(file, []byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			if err := write(link, []byte("by its link")); err != nil {
				t.Fatal(err)
			}
			info, err := os.Lstat(file)
			if err != nil || info.Mode() != 0o600 {
				t.Error(info.Mode(), err)
			}
			if got, _ := os.ReadFile(file); string(got) != "by its link" {
				t.Errorf("%q", got)
			}
			if to, err := os.Readlink(link); err != nil || to != "file" {
				t.Error("the link was replaced: ", err)
			}
			if err := write(dir, nil); err == nil {
				t.Error("a directory was replaced")
			}
			if left, _ := os.ReadDir(dir); len(left) != 2 {
				t.Errorf("%d files are left", len(left))
			}
		})
	}
}
