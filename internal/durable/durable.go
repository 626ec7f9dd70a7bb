// Package durable writes files that outlast a crash, and a loss of power.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile replaces a file as Replace does, and once it has returned a loss of power does not
// bring the old one back. It may take as long as the disk does.
func WriteFile(path string, text []byte) error { return replace(path, text, true) }

// Replace replaces a file: if the program ends meanwhile, it is either the old one or the new one.
// A symbolic link stays: what it leads to is replaced. The file is the owner's alone.
func Replace(path string, text []byte) error { return replace(path, text, false) }

func replace(path string, text []byte, sync bool) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := errors.Join(fill(f, text, sync), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil || !sync {
		return err
	}
	return syncDir(dir)
}

func fill(f *os.File, text []byte, sync bool) error {
	_, err := f.Write(text)
	if err == nil && sync {
		err = f.Sync()
	}
	return err
}

// syncDir makes a rename in dir outlast a loss of power (fsync(2)). A file system that can't is
// none that could.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}
