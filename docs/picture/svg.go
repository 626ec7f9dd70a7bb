package main

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A palette is the colours of a picture: of text by SGR number (ECMA-48), 0 for what has none.
type palette struct {
	page, frame string
	text        map[string]string
}

func palettes() map[string]palette {
	return map[string]palette{
		"terminal.svg": {page: "#ffffff", frame: "#d1d9e0", text: map[string]string{
			"0": "#1f2328", "1": "#1f2328", "2": "#6e7781",
			"31": "#cf222e", "32": "#116329", "33": "#9a6700", "34": "#0550ae", "35": "#8250df", "36": "#1b7c83",
		}},
		"terminal-dark.svg": {page: "#0d1117", frame: "#3d444d", text: map[string]string{
			"0": "#d1d7e0", "1": "#f0f6fc", "2": "#8b949e",
			"31": "#ff7b72", "32": "#7ee787", "33": "#d29922", "34": "#79c0ff", "35": "#d2a8ff", "36": "#56d4dd",
		}},
	}
}

// The size of a character and of what is around the text, in pixels.
const (
	charWidth  = 8.4
	lineHeight = 20
	margin     = 16
)

// svg draws lines of text with SGR sequences. Each piece of text has its place and its width, so that
// columns are columns in any font; a blank is one that no browser leaves out.
func svg(lines []string, p palette) []byte {
	var b bytes.Buffer
	width, height := 2*margin+columns*charWidth, 2*margin+len(lines)*lineHeight
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.1[1]f" height="%[2]d" viewBox="0 0 %.1[1]f %[2]d" role="img" aria-label="ev in a terminal">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect x="0.5" y="0.5" width="%.1f" height="%d" rx="8" fill="%s" stroke="%s"/>`+"\n", width-1, height-1, p.page, p.frame)
	fmt.Fprintln(&b, `<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">`)
	sequence := regexp.MustCompile("\x1b\\[([0-9;]*)m")
	for n, line := range lines {
		style, column := "0", 0
		draw := func(text string) {
			text = tabs(text, column)
			shown := strings.TrimLeft(text, " ")
			column += len(text) - len(shown)
			text = strings.TrimRight(shown, " ")
			length := utf8.RuneCountInString(text)
			if text != "" {
				bold := ""
				if style == "1" {
					bold = ` font-weight="bold"`
				}
				fmt.Fprintf(&b, `<text x="%.1f" y="%d" textLength="%.1f" fill="%s"%s>%s</text>`+"\n",
					margin+float64(column)*charWidth, margin+n*lineHeight+15, float64(length)*charWidth, p.text[style], bold, html.EscapeString(strings.ReplaceAll(text, " ", "\u00a0")))
			}
			column += utf8.RuneCountInString(shown)
		}
		for at := sequence.FindStringSubmatchIndex(line); at != nil; at = sequence.FindStringSubmatchIndex(line) {
			draw(line[:at[0]])
			if style = line[at[2]:at[3]]; p.text[style] == "" {
				style = "0"
			}
			line = line[at[1]:]
		}
		draw(line)
	}
	fmt.Fprintln(&b, "</g>\n</svg>")
	return b.Bytes()
}

// tabs writes blanks for the tabs of a text that begins at a column.
func tabs(text string, column int) string {
	before, after, found := strings.Cut(text, "\t")
	if !found {
		return text
	}
	before += strings.Repeat(" ", 8-(column+utf8.RuneCountInString(before))%8)
	return before + tabs(after, column+utf8.RuneCountInString(before))
}
