"""What the files of a checkpoint say, read and checked before anything is built of them."""
