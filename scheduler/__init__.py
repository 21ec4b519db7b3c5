"""When: configuration, jobs and the command line. The only room that knows all others."""
