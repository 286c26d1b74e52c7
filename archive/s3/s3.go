// Package s3 opens archives in Amazon S3 and in stores that speak its protocol.
// It is a package of its own so that who does not want it does not link AWS's
// client.
package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/pgarc/pgarc/archive"
)

// defaultRegion signs requests where no region is set: stores other than AWS
// mostly take any, and AWS says which one is right.
const defaultRegion = "us-east-1"

// Open opens the archive at a URL s3://BUCKET/KEY, as [archive.OpenRemote]
// does. The key is taken as it stands, without unescaping.
//
// Credentials, region and endpoint are where AWS's own tools have them: in the
// environment (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL_S3
// and others), in ~/.aws/config and ~/.aws/credentials with all that a profile
// may say, and what a machine or pod of AWS's is given. If there are no
// credentials at all, requests are not signed, which suits public buckets.
//
// At another endpoint than AWS's own the bucket is named in the path, not in
// the host.
func Open(ctx context.Context, url string) (*archive.Reader, error) {
	r, err := open(ctx, url)
	if err != nil {
		err = fmt.Errorf("%s: %w", archive.RedactURL(url), err)
	}
	return r, err
}

func open(ctx context.Context, url string) (*archive.Reader, error) {
	path, ok := strings.CutPrefix(url, "s3://")
	bucket, key, _ := strings.Cut(path, "/")
	if !ok || bucket == "" || key == "" {
		return nil, errors.New("not of the form s3://BUCKET/KEY")
	}
	transport := new(transport)
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(transport.adjust)),
		config.WithDefaultRegion(defaultRegion),
		config.WithLogger(logging.Nop{}),
	)
	if err != nil {
		return nil, err
	}
	if cfg.Credentials, err = credentials(ctx, cfg.Credentials); err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = o.BaseEndpoint != nil })
	o := newObject(client, bucket, key)
	o.transport = transport
	r, err := archive.OpenRemote(ctx, o, archive.RetryPolicy{})
	if partial := (*archive.PartialError)(nil); err != nil && !errors.As(err, &partial) {
		o.Close()
	}
	return r, err
}

// OpenClient opens an archive through a client of the caller's.
func OpenClient(ctx context.Context, client *s3.Client, bucket, key string, p archive.RetryPolicy) (*archive.Reader, error) {
	return archive.OpenRemote(ctx, newObject(client, bucket, key), p)
}

// credentials returns those of the usual places, or none if there are none.
// That a configured one does not work is an error.
func credentials(ctx context.Context, chain aws.CredentialsProvider) (aws.CredentialsProvider, error) {
	_, err := chain.Retrieve(ctx)
	// The last link of the chain is to ask the machine.
	if last := (*smithy.OperationError)(nil); errors.As(err, &last) && last.Service() == "ec2imds" && ctx.Err() == nil {
		return aws.AnonymousCredentials{}, nil
	}
	return chain, err
}

// A transport makes the SDK's HTTP transport fit for several long transfers at
// once, as package archive's own.
type transport struct{ *http.Transport }

func (t *transport) adjust(h *http.Transport) {
	h.MaxIdleConnsPerHost = 32
	h.DisableCompression = true
	h.Protocols = new(http.Protocols)
	h.Protocols.SetHTTP1(true)
	t.Transport = h
}
