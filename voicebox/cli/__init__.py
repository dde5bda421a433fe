"""The `voicebox` command, one file per subcommand."""
