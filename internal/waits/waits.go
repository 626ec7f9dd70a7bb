//go:build !linux

// Package waits has nothing to do here.
package waits
