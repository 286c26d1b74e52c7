package toc

// Kind is what sort of object an entry is, in pg_dump's own words, as
// pg_restore -l prints it. Unknown kinds are kept and treated by the zero
// [KindInfo]: restored from their definition, in the main pass.
type Kind string

// The kinds that code has to know by name. The table below knows all of them.
const (
	ACL                       Kind = "ACL"
	ACLLanguage               Kind = "ACL LANGUAGE"
	Aggregate                 Kind = "AGGREGATE"
	Blob                      Kind = "BLOB"
	BlobComments              Kind = "BLOB COMMENTS"
	BlobMetadata              Kind = "BLOB METADATA"
	Blobs                     Kind = "BLOBS"
	CheckConstraint           Kind = "CHECK CONSTRAINT"
	Comment                   Kind = "COMMENT"
	Constraint                Kind = "CONSTRAINT"
	Database                  Kind = "DATABASE"
	DatabaseProperties        Kind = "DATABASE PROPERTIES"
	Default                   Kind = "DEFAULT"
	DefaultACL                Kind = "DEFAULT ACL"
	Encoding                  Kind = "ENCODING"
	EventTrigger              Kind = "EVENT TRIGGER"
	Extension                 Kind = "EXTENSION"
	FKConstraint              Kind = "FK CONSTRAINT"
	ForeignTable              Kind = "FOREIGN TABLE"
	Function                  Kind = "FUNCTION"
	Index                     Kind = "INDEX"
	IndexAttach               Kind = "INDEX ATTACH"
	MaterializedView          Kind = "MATERIALIZED VIEW"
	MaterializedViewData      Kind = "MATERIALIZED VIEW DATA"
	Policy                    Kind = "POLICY"
	Procedure                 Kind = "PROCEDURE"
	Publication               Kind = "PUBLICATION"
	PublicationTable          Kind = "PUBLICATION TABLE"
	PublicationTablesInSchema Kind = "PUBLICATION TABLES IN SCHEMA"
	RowSecurity               Kind = "ROW SECURITY"
	Rule                      Kind = "RULE"
	Schema                    Kind = "SCHEMA"
	SearchPath                Kind = "SEARCHPATH"
	SecurityLabel             Kind = "SECURITY LABEL"
	Sequence                  Kind = "SEQUENCE"
	SequenceOwnedBy           Kind = "SEQUENCE OWNED BY"
	SequenceSet               Kind = "SEQUENCE SET"
	Statistics                Kind = "STATISTICS"
	StatisticsData            Kind = "STATISTICS DATA"
	StdStrings                Kind = "STDSTRINGS"
	Subscription              Kind = "SUBSCRIPTION"
	SubscriptionTable         Kind = "SUBSCRIPTION TABLE"
	Table                     Kind = "TABLE"
	TableAttach               Kind = "TABLE ATTACH"
	TableData                 Kind = "TABLE DATA"
	Trigger                   Kind = "TRIGGER"
	View                      Kind = "VIEW"
	Warning                   Kind = "WARNING"
)

// TagForm says how the tag of a kind is composed.
type TagForm uint8

const (
	TagName      TagForm = iota // the object's name
	TagOfTable                  // "table name": the object's table, a space, the object's name
	TagSignature                // "name(argument types)"
	TagOnObject                 // "TABLE t", "COLUMN t.c", "CONSTRAINT c ON t": names the object commented on or granted
)

// OwnerForm says how the statement that sets an object's owner is made
// (_getObjectDescription in pg_backup_archiver.c).
type OwnerForm uint8

const (
	OwnerNone        OwnerForm = iota // the object has no owner of its own
	OwnerQualified                    // ALTER kind schema.tag OWNER TO
	OwnerPlain                        // ALTER kind tag OWNER TO
	OwnerFromDrop                     // ALTER + what the drop statement names + OWNER TO
	OwnerLargeObject                  // ALTER LARGE OBJECT oid OWNER TO
)

// Pass is one of the walks over the TOC that make up a restore: everything
// first, then grants, then what must see the grants. A pass starts when the
// one before is over.
type Pass uint8

// The passes (RestorePass in pg_backup_archiver.h).
const (
	PassMain Pass = iota
	PassACL
	PassPostACL
)

// KindInfo is what is the same for all entries of a kind.
type KindInfo struct {
	Section Section   // where pg_dump puts it; archives before 1.11 do not say, newer ones may differ by entry. Zero: pre-data
	Pass    Pass      // when it is restored; see also [PassOf]
	Tag     TagForm   // how its tag is composed
	Owner   OwnerForm // how its owner is set
	Short   string    // what a user may type for it, beside the kind itself ("fk")
	Special bool      // describes the archive; never restored by itself
}

// kinds is the one table of kinds. Source: the ArchiveEntry calls of pg_dump.c
// and the lists of names in pg_backup_archiver.c, PostgreSQL 8.0 to 18.
var kinds = map[Kind]KindInfo{
	"ACCESS METHOD":             {Section: SectionPreData, Short: "am"},
	ACL:                         {Section: SectionNone, Pass: PassACL, Tag: TagOnObject, Short: "grant"},
	ACLLanguage:                 {Section: SectionNone, Pass: PassACL, Tag: TagOnObject},
	Aggregate:                   {Section: SectionPreData, Tag: TagSignature, Owner: OwnerFromDrop},
	Blob:                        {Section: SectionPreData, Owner: OwnerLargeObject},
	BlobComments:                {Section: SectionData},
	BlobMetadata:                {Section: SectionData, Owner: OwnerLargeObject},
	Blobs:                       {Section: SectionData, Short: "lo"},
	"CAST":                      {Section: SectionPreData},
	CheckConstraint:             {Section: SectionPostData, Tag: TagOfTable, Short: "check"},
	"COLLATION":                 {Section: SectionPreData, Owner: OwnerQualified},
	Comment:                     {Section: SectionNone, Tag: TagOnObject},
	Constraint:                  {Section: SectionPostData, Tag: TagOfTable, Short: "pk"},
	"CONVERSION":                {Section: SectionPreData, Owner: OwnerQualified},
	Database:                    {Section: SectionPreData, Owner: OwnerPlain, Short: "db"},
	DatabaseProperties:          {Section: SectionPreData},
	Default:                     {Section: SectionPreData, Tag: TagOfTable},
	DefaultACL:                  {Section: SectionPostData, Pass: PassACL},
	"DOMAIN":                    {Section: SectionPreData, Owner: OwnerQualified},
	Encoding:                    {Section: SectionPreData, Special: true},
	EventTrigger:                {Section: SectionPostData, Pass: PassPostACL, Owner: OwnerPlain},
	Extension:                   {Section: SectionPreData, Short: "ext"},
	FKConstraint:                {Section: SectionPostData, Tag: TagOfTable, Short: "fk"},
	"FOREIGN DATA WRAPPER":      {Section: SectionPreData, Owner: OwnerPlain, Short: "fdw"},
	ForeignTable:                {Section: SectionPreData, Owner: OwnerQualified},
	Function:                    {Section: SectionPreData, Tag: TagSignature, Owner: OwnerFromDrop, Short: "func"},
	Index:                       {Section: SectionPostData, Short: "idx"},
	IndexAttach:                 {Section: SectionPostData},
	MaterializedView:            {Section: SectionPreData, Owner: OwnerQualified, Short: "matview"},
	MaterializedViewData:        {Section: SectionPostData, Pass: PassPostACL, Short: "refresh"},
	"OPERATOR":                  {Section: SectionPreData, Owner: OwnerFromDrop},
	"OPERATOR CLASS":            {Section: SectionPreData, Owner: OwnerFromDrop},
	"OPERATOR FAMILY":           {Section: SectionPreData, Owner: OwnerFromDrop},
	Policy:                      {Section: SectionPostData, Tag: TagOfTable},
	"PROCEDURAL LANGUAGE":       {Section: SectionPreData, Owner: OwnerPlain, Short: "language"},
	Procedure:                   {Section: SectionPreData, Tag: TagSignature, Owner: OwnerFromDrop, Short: "proc"},
	Publication:                 {Section: SectionPostData, Owner: OwnerPlain},
	PublicationTable:            {Section: SectionPostData, Tag: TagOfTable},
	PublicationTablesInSchema:   {Section: SectionPostData, Tag: TagOfTable},
	RowSecurity:                 {Section: SectionPostData, Short: "rls"},
	Rule:                        {Section: SectionPostData, Tag: TagOfTable},
	Schema:                      {Section: SectionPreData, Owner: OwnerPlain},
	SearchPath:                  {Section: SectionPreData, Special: true},
	SecurityLabel:               {Section: SectionNone, Tag: TagOnObject, Short: "label"},
	Sequence:                    {Section: SectionPreData, Owner: OwnerQualified, Short: "seq"},
	SequenceOwnedBy:             {Section: SectionPreData},
	SequenceSet:                 {Section: SectionData, Short: "setval"},
	"SERVER":                    {Section: SectionPreData, Owner: OwnerPlain},
	"SHELL TYPE":                {Section: SectionPreData},
	Statistics:                  {Section: SectionPostData, Owner: OwnerQualified},
	StatisticsData:              {Section: SectionData, Short: "stats"},
	StdStrings:                  {Section: SectionPreData, Special: true},
	Subscription:                {Section: SectionPostData, Owner: OwnerPlain},
	SubscriptionTable:           {Section: SectionPostData, Tag: TagOfTable},
	Table:                       {Section: SectionPreData, Owner: OwnerQualified},
	TableAttach:                 {Section: SectionPreData},
	TableData:                   {Section: SectionData, Short: "data"},
	"TEXT SEARCH CONFIGURATION": {Section: SectionPreData, Owner: OwnerQualified},
	"TEXT SEARCH DICTIONARY":    {Section: SectionPreData, Owner: OwnerQualified},
	"TEXT SEARCH PARSER":        {Section: SectionPreData},
	"TEXT SEARCH TEMPLATE":      {Section: SectionPreData},
	"TRANSFORM":                 {Section: SectionPreData},
	Trigger:                     {Section: SectionPostData, Tag: TagOfTable},
	"TYPE":                      {Section: SectionPreData, Owner: OwnerQualified},
	"USER MAPPING":              {Section: SectionPreData},
	View:                        {Section: SectionPreData, Owner: OwnerQualified},
	Warning:                     {Section: SectionPreData},
}

// Info returns what is known of the kind; the zero KindInfo if it is unknown.
func (k Kind) Info() KindInfo { return kinds[k] }

// Known reports whether the kind is in the table.
func (k Kind) Known() bool {
	_, ok := kinds[k]
	return ok
}
