//go:build !linux

package stat

import "errors"

func mountTmpfs(string) error        { return errors.ErrUnsupported }
func mountBind(string, string) error { return errors.ErrUnsupported }
func unmount(string) error           { return nil }
