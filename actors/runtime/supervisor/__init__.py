"""`callboard run`: servers, Ray, stage and gateway as child processes, kept alive, leaving nothing behind."""
