// Lists tar archives as Go's archive/tar reads them: each on stdin behind its length (32 bits, big endian), one line of
// JSON on stdout for each.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"path"
)

// listing is what an archive holds: paths with the digests of their content, and what is neither file nor directory.
type listing struct {
	Error       string            `json:"error,omitempty"`
	Files       map[string]string `json:"files"`
	Directories []string          `json:"directories"`
	Twice       bool              `json:"twice"`
	Others      int               `json:"others"`
}

func list(archive []byte) listing {
	found := listing{Files: map[string]string{}, Directories: []string{}}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			found.Error = err.Error()
			return found
		}
		name := path.Clean(header.Name)
		hash := sha256.New()
		if _, err := io.Copy(hash, reader); err != nil {
			found.Error = err.Error()
			return found
		}
		switch header.Typeflag {
		case tar.TypeReg:
			_, there := found.Files[name]
			found.Twice = found.Twice || there
			found.Files[name] = hex.EncodeToString(hash.Sum(nil))
		case tar.TypeDir:
			found.Directories = append(found.Directories, name)
		case tar.TypeXGlobalHeader:
		default:
			found.Others++
		}
	}
}

func main() {
	input, output := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	defer output.Flush()
	encoder := json.NewEncoder(output)
	for {
		var length uint32
		err := binary.Read(input, binary.BigEndian, &length)
		if errors.Is(err, io.EOF) {
			return
		}
		archive := make([]byte, length)
		if err == nil {
			_, err = io.ReadFull(input, archive)
		}
		if err == nil {
			err = encoder.Encode(list(archive))
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}
