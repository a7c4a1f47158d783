"""Everything that can fail for reasons outside the text: files, processes, git, terminals."""
