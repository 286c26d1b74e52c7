package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path"
	"strings"
	"syscall"

	"github.com/pgarc/pgarc/archive"
)

// urlHint is for archives at URLs that cannot be opened or read.
func urlHint(e *fileError) string {
	var refused *archive.RemoteError
	var dns *net.DNSError
	var timeout net.Error
	isS3 := strings.HasPrefix(e.name, "s3://")
	switch {
	case errors.Is(e, archive.ErrChanged):
		return "something wrote the file while it was read: start again when that is done"
	case errors.As(e, &refused):
		return refusedURLHint(refused, isS3)
	case errors.As(e, &dns) && isS3:
		return fmt.Sprintf("no such host, %q: are the bucket, $AWS_REGION and $AWS_ENDPOINT_URL_S3 right?", dns.Name)
	case errors.As(e, &dns):
		return fmt.Sprintf("no such host: is %q spelt right?", dns.Name)
	case errors.Is(e, http.ErrSchemeMismatch):
		return "the server speaks plain HTTP there: try http://"
	case errors.Is(e, syscall.ECONNREFUSED):
		return "nothing listens there: are host and port right?"
	case errors.As(e, &timeout) && timeout.Timeout():
		return "the server does not answer: is the host right, and does a firewall or proxy ($HTTPS_PROXY) stand between?"
	}
	return certificateHint(e)
}

// refusedURLHint is for what a server answers instead of the archive.
func refusedURLHint(e *archive.RemoteError, isS3 bool) string {
	switch {
	case isS3 && e.Code == "NoSuchBucket":
		return "is the bucket spelt right, and is it at $AWS_ENDPOINT_URL_S3? left out, that is AWS"
	case isS3 && errors.Is(e, fs.ErrNotExist):
		return "is the key spelt right, with its folders and its ending?"
	case isS3 && errors.Is(e, fs.ErrPermission):
		return "set $AWS_PROFILE, or $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY, of somebody who may read it; a store also answers so for a key that is not there"
	case strings.Contains(strings.ToLower(e.Message), "expired"):
		return "the URL was for a limited time: get a new one"
	case errors.Is(e, fs.ErrNotExist):
		return "is the URL spelt right? quote it for the shell if it has & or ? in it"
	case errors.Is(e, fs.ErrPermission):
		return "who may read it? a password goes into the URL, https://USER:PASSWORD@HOST/..., and a presigned URL may have expired"
	case e.Temporary():
		return "the server is out of order or has too much to do: try again later"
	}
	return ""
}

// certificateHint is for servers that do not prove who they are.
func certificateHint(err error) string {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return "the authority is not one that this machine trusts: $SSL_CERT_FILE names a file of those that are"
	case errors.As(err, &host):
		return "the certificate is another host's: use the name that it is for"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired, or this machine's clock is wrong"
	case errors.As(err, &record):
		return "what answers there does not speak TLS: try http://"
	}
	return ""
}

// localName is what a downloaded archive would be called, for commands in
// hints.
func localName(url string) string {
	url, _, _ = strings.Cut(url, "?")
	return path.Base(url)
}
