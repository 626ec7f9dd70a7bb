package term

// Colour decides whether what goes to the descriptor is coloured. The choice is the user's word on
// the command line, "always", "never" or "auto"; under "auto" the environment decides
// (no-color.org, bixense.com/clicolors), in this order: NO_COLOR says no, CLICOLOR_FORCE or
// FORCE_COLOR yes, CLICOLOR=0 no; else a terminal gets colour unless TERM=dumb.
func Colour(choice string, fd int, getenv func(string) string) bool {
	forced := func(name string) bool {
		value := getenv(name)
		return value != "" && value != "0"
	}
	switch {
	case choice == "always":
		return true
	case choice == "never", getenv("NO_COLOR") != "":
		return false
	case forced("CLICOLOR_FORCE"), forced("FORCE_COLOR"):
		return true
	case getenv("CLICOLOR") == "0", getenv("TERM") == "dumb":
		return false
	}
	return IsTerminal(fd)
}

// Style is how a text looks: the parameters of SGR, "select graphic rendition" (ECMA-48, 8.3.117).
// "" is plain.
type Style string

// The eight colours of every terminal are enough: a user's theme makes them readable.
const (
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Blue   Style = "34"
	Purple Style = "35"
	Cyan   Style = "36"
)

// Wrap returns text in the style, and the plain style after it.
func (s Style) Wrap(text string) string {
	if s == "" || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}
