module windlass.test/tar

go 1.26.0
