package live

import (
	"testing"
	"time"
	"unicode/utf8"
)

func TestCountdownFrame(t *testing.T) {
	due := time.Date(2026, 11, 23, 14, 5, 0, 0, time.UTC)
	tests := []struct {
		name string
		f    countdownFrame
		want string
	}{
		{
			"running",
			countdownFrame{left: 12 * time.Minute, span: 20 * time.Minute, columns: 80, utf8: true},
			"   12m left  ████████████████░░░░░░░░░░░░░░░░░░░░░░░░   40%  due 14:05:00",
		},
		{
			"plain",
			countdownFrame{left: 12*time.Minute + 3500*time.Millisecond, span: 20 * time.Minute, columns: 80},
			" 12m4s left  ###############-------------------------   39%  due 14:05:00",
		},
		{
			"begins",
			countdownFrame{left: 5500 * time.Millisecond, span: 5500 * time.Millisecond, columns: 60},
			" 6s left  -----------------------------    0%  due 14:05:00",
		},
		{
			"last second",
			countdownFrame{left: time.Millisecond, span: 10 * time.Second, columns: 60},
			" 1s left  ############################-   99%  due 14:05:00",
		},
		{
			"over",
			countdownFrame{left: 0, span: 10 * time.Second, columns: 60},
			" 0s left  #############################  100%  due 14:05:00",
		},
		{
			"days",
			countdownFrame{left: 60 * time.Hour, span: 72 * time.Hour, columns: 70},
			"       2d12h left  ###----------------   16%  due 2026-11-23 14:05:00",
		},
		{
			"centuries",
			countdownFrame{left: 1<<63 - 1, span: 1<<63 - 1, columns: 0},
			"",
		},
		{
			"paused",
			countdownFrame{left: 5 * time.Second, span: 10 * time.Second, state: framePaused, columns: 60},
			" 5s left  ############------------   50%  paused: p goes on",
		},
		{
			"waiting",
			countdownFrame{span: 10 * time.Second, state: frameWaiting, columns: 60},
			"waiting for activity",
		},
		{
			"narrow",
			countdownFrame{left: 5 * time.Second, span: 10 * time.Second, columns: 40},
			" 5s left  ####-----   50%  due 14:05:00",
		},
		{
			"no room for the bar",
			countdownFrame{left: 5 * time.Second, span: 10 * time.Second, columns: 30},
			" 5s left   50%  due 14:05:00",
		},
		{
			"room for the time only",
			countdownFrame{left: 5 * time.Second, span: 10 * time.Second, columns: 20},
			" 5s left",
		},
		{
			"hardly any",
			countdownFrame{left: 5 * time.Second, span: 10 * time.Second, columns: 5},
			" 5s ",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.f.due = due
			got := tt.f.String()
			if got != tt.want {
				t.Errorf("\n got %q\nwant %q", got, tt.want)
			}
			if n := utf8.RuneCountInString(got); n >= max(tt.f.columns, 1) {
				t.Errorf("%d columns on a terminal of %d", n, tt.f.columns)
			}
		})
	}
}
