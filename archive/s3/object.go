package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pgarc/pgarc/archive"
)

// An object is an object in a bucket. It implements archive.Remote.
type object struct {
	client      *s3.Client
	bucket, key string
	transport   *transport // nil for a caller's client

	mu     sync.Mutex
	etag   *string // of the first answer: later ones must be of the same object
	region string  // the bucket's, if the server says that the client's is wrong
}

func newObject(client *s3.Client, bucket, key string) *object {
	return &object{client: client, bucket: bucket, key: key}
}

// Close gives idle connections back.
func (o *object) Close() error {
	if o.transport != nil && o.transport.Transport != nil {
		o.transport.CloseIdleConnections()
	}
	return nil
}

// OpenRange implements archive.Remote.
func (o *object) OpenRange(ctx context.Context, offset, n int64) (io.ReadCloser, int64, error) {
	out, err := o.get(ctx, offset, n)
	if err != nil && o.moved(err) {
		out, err = o.get(ctx, offset, n)
	}
	if err != nil {
		err = explain(err)
		var refused *archive.RemoteError
		if errors.As(err, &refused) && refused.Status == http.StatusRequestedRangeNotSatisfiable && offset == 0 {
			return http.NoBody, 0, nil // there is nothing in it
		}
		return nil, 0, err
	}
	size, err := sizeOf(out, offset)
	if err != nil {
		out.Body.Close()
		return nil, 0, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.etag == nil {
		o.etag = out.ETag
	}
	return out.Body, size, nil
}

// get asks for a range, once: package archive repeats it.
func (o *object) get(ctx context.Context, offset, n int64) (*s3.GetObjectOutput, error) {
	o.mu.Lock()
	etag, region := o.etag, o.region
	o.mu.Unlock()
	return o.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket:  &o.bucket,
		Key:     &o.key,
		Range:   aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+n-1)),
		IfMatch: etag,
	}, func(opts *s3.Options) {
		opts.Retryer = aws.NopRetryer{}
		opts.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // of parts there is none
		if region != "" {
			opts.Region = region
		}
	})
}

// moved notes the region that the bucket is in, if an error says it is another.
func (o *object) moved(err error) bool {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) || answer.Response == nil {
		return false
	}
	region := answer.Response.Header.Get("X-Amz-Bucket-Region")
	o.mu.Lock()
	defer o.mu.Unlock()
	if region == "" || region == o.region || o.region == "" && region == o.client.Options().Region {
		return false
	}
	o.region = region
	return true
}

// sizeOf returns the size of the object that an answer is a part of.
func sizeOf(out *s3.GetObjectOutput, offset int64) (int64, error) {
	if out.ContentRange == nil && offset == 0 && out.ContentLength != nil { // all of it
		return *out.ContentLength, nil
	}
	span, total, _ := strings.Cut(aws.ToString(out.ContentRange), "/")
	size, err := strconv.ParseInt(total, 10, 64)
	if err != nil || !strings.HasPrefix(span, fmt.Sprintf("bytes %d-", offset)) {
		return 0, &archive.RemoteError{Status: http.StatusOK, Message: fmt.Sprintf("but not with the range from byte %d on", offset)}
	}
	return size, nil
}

// explain says what the SDK's error is in terms of package archive.
func explain(err error) error {
	var answer *smithyhttp.ResponseError
	var api smithy.APIError
	var sending *url.Error
	switch {
	case errors.As(err, &answer) && answer.HTTPStatusCode() != 0:
		e := &archive.RemoteError{Status: answer.HTTPStatusCode()}
		if seconds, err := strconv.Atoi(answer.Response.Header.Get("Retry-After")); err == nil {
			e.RetryAfter = time.Duration(seconds) * time.Second
		}
		if errors.As(err, &api) {
			e.Code, e.Message = api.ErrorCode(), api.ErrorMessage()
		}
		return e
	case errors.As(err, &sending):
		return sending.Err
	}
	return err
}
