//go:build unix && !linux

package loop

func makers() []maker { return []maker{{"poll", newPoll}} }
