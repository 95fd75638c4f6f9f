"""Known keys, whoever runs our command lines with them, and every place in which they are looked for afterwards."""
