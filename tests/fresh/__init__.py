"""The first start on an empty machine: `make fresh`. Not part of `make test`, which it runs itself."""
