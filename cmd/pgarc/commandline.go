package main

import "strings"

// commandLine is what the user typed, without passwords.
func commandLine(args []string) string {
	words := []string{"pgarc"}
	for _, a := range args {
		words = append(words, shellWord(withoutPassword(a)))
	}
	return strings.Join(words, " ")
}

// resumeCommand is how to go on with a restore: the same command again, and
// --resume. Passwords are left out of it.
func resumeCommand(args []string) string {
	words := []string{"pgarc"}
	resumes := false
	for _, a := range args {
		resumes = resumes || a == "--resume"
		if a != "--restart" && a != "--retry-failed" {
			words = append(words, shellWord(withoutPassword(a)))
		}
	}
	if !resumes {
		words = append(words, "--resume")
	}
	return strings.Join(words, " ")
}
