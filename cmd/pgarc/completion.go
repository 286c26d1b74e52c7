package main

import (
	"github.com/spf13/cobra"
)

const completionHelp = `pgarc completion prints a completion script for a shell.

Usage:
  pgarc completion bash|zsh|fish|powershell

Examples:
  source <(pgarc completion bash)
  pgarc completion fish > ~/.config/fish/completions/pgarc.fish

The script completes commands, options and, where an archive is given or found,
the names of the objects in it.

Options:
  -h, --help  show this help

` + exitStatusHelp

func newCompletionCommand(env *env) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "print a completion script for a shell",
		Long:      completionHelp,
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			usage := &usageError{message: "one shell, please", hint: "pgarc completion bash, zsh, fish or powershell"}
			if len(args) != 1 {
				return usage
			}
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(env.stdout, true)
			case "zsh":
				return root.GenZshCompletion(env.stdout)
			case "fish":
				return root.GenFishCompletion(env.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(env.stdout)
			}
			return usage
		},
	}
}
