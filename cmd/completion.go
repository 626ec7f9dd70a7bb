package cmd

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/evshell/ev/cmd/usage"
	"github.com/evshell/ev/cmd/watchers"
	"github.com/evshell/ev/completions"
)

// completionShells are the shells that there is a script for.
func completionShells() []string { return []string{"bash", "fish", "zsh"} }

func (p *program) newCompletion() *cobra.Command {
	c := &cobra.Command{
		Use:     "completion SHELL",
		Short:   "print the completion script for bash, fish or zsh",
		GroupID: shellGroup,
		Long: `Completion prints the script by which SHELL completes what is typed after 'ev':
commands, flags and their values, signals, processes, time zones, and after -- what COMMAND
itself completes. SHELL is bash, fish or zsh.

The packages of ev install the scripts. After 'go install', write the script of your shell
to a file where the shell looks for it:

  bash    ~/.local/share/bash-completion/completions/ev
  fish    ~/.config/fish/completions/ev.fish
  zsh     _ev in a directory of $fpath, such as ~/.zsh/completions/_ev

Bash needs the package bash-completion. Zsh needs 'fpath=(~/.zsh/completions $fpath)' and
'autoload -U compinit && compinit' in ~/.zshrc.`,
		Example: `  # for this shell only
  source <(ev completion bash)
  autoload -U compinit && compinit && source <(ev completion zsh)
  ev completion fish | source
  # for every bash from now on
  mkdir -p ~/.local/share/bash-completion/completions
  ev completion bash > ~/.local/share/bash-completion/completions/ev`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage.Errorf("completion is for one SHELL: name %s", oneOf(completionShells()))
			}
			script, err := completionScript(args[0])
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.OutOrStdout(), script)
			return err
		},
	}
	watchers.CompleteArgs(c, watchers.Words(completionShells()...))
	return c
}

func completionScript(shell string) (string, error) {
	switch shell {
	case "bash":
		return completions.Bash, nil
	case "fish":
		return completions.Fish, nil
	case "zsh":
		return completions.Zsh, nil
	}
	return "", usage.At(usage.ArgOf(shell), "there is no completion for %q: name %s", shell, oneOf(completionShells()))
}

func oneOf(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
