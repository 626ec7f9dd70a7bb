// Package mounts knows what is mounted: where, on what, and whether that tells of its changes.
package mounts
