"""What the product costs, beside a peer and a limit, in turn and on the same machine: `./bench`."""
