package main

const restoreHelp = `pgarc restore restores an archive into a database, on several connections at once.

Usage:
  pgarc restore [ARCHIVE] -d DATABASE [options]
  pgarc restore [ARCHIVE] --scratch [options]
  pgarc restore [ARCHIVE] -l [options]
  pgarc restore [ARCHIVE] -f FILE [options]

Examples:
  pgarc restore backup.dump -d mastodon
  pgarc restore backup.dump -d postgres --create -j 8
  pgarc restore backup.dump -d mastodon --missing
  pgarc restore backup.dump -d mastodon --dry-run
  pgarc restore backup.dump -d empty -t accounts --with-dependents
  pgarc restore backup.dump --scratch-run 'psql -c "SELECT count(*) FROM accounts"'

What fails does not stop the rest: what needs it is skipped, and every failure
is reported with the server's message and the whole statement.

Connection:
` + connectionHelp + `      --role NAME        SET ROLE after connecting
      --pooler           connect though a pooler stands before the server; it must
                         pool whole sessions, not transactions
  The PG* variables, ~/.pgpass and services work as in psql.

` + whatHelp + `
` + mappingHelp + `
How:
  -j, --jobs N              connections at work at once; by default one for each
                            processor of this machine, at least 2, at most 8
  -c, --clean               drop what is to be restored first
      --if-exists           ... where it exists
  -C, --create              create the archive's database; -d is where to do that
  -1, --single-transaction  all or nothing, on one connection
  -e, --exit-on-error       stop at the first failure
      --transaction-size N  commit after every N commands or so, on the connection
                            that works alone; stop at the first failure
  -O, --no-owner            what is made belongs to the user who restores
      --use-set-session-authorization
                            make objects as their owners, who need the right to;
                            a user whom the session cannot become ends the restore
      --no-tablespaces      --no-table-access-method
      --no-data-for-failed-tables
                            leave out the data of tables that could not be made
      --skip-missing LIST   do without what the server does not have: of roles, the
                            owners, grants and policies; extensions, with their
                            comments; tablespaces. LIST is roles,extensions or the
                            like. What was left out is said at the end
      --disable-triggers    with --data-only: no triggers while loading
  -S, --superuser NAME      ... as this role
      --enable-row-security
      --spool DIR           with "-": write the archive to a file in DIR first, so
                            that its data can be loaded in any order; the file
                            is gone at the end
      --missing             restore only what the database lacks, whoever restored
                            the rest: what pgarc diff -d calls missing. The data
                            of a table are loaded only if the table is missing or
                            has no rows, those of a large object only if the
                            object is missing, and the value of a sequence is set
                            only if it was never used. What is there stays as it
                            is, and its triggers fire
      --dry-run             print what each option of the selection keeps and drops,
                            with -v which entries, and the steps; without a server
                            but for --missing

If something fails:
      --on-error WHAT     continue (the default), or stop, as -e
      --ignore CLASS,...  failures of these classes are reported, but do not count:
                          the exit status is 0, and the journal is dropped. Only
                          comments, labels and grants on what failed go with them;
                          what else is skipped counts. Classes: setting, privilege,
                          ownership (owners and grantees that are missing), exists,
                          absent, dependency, extension, unsupported, constraint,
                          data, archive, connection, cancelled, lock, space,
                          internal, other. What is harmless is ignored in any case
                          (plpgsql, schema public and the usual comments on them and
                          on extensions; settings of a newer server), unless CLASS
                          is none
      --failed-sql FILE   what failed, and what was skipped because of it, in order,
                          to be run with psql (failed.sql); '' for none. A file that
                          pgarc did not write is not overwritten
      --report FILE       all about the restore, as JSON (docs/report.md)
      --verify            look at the end if all objects are there and valid, which
                          is done anyway for up to 5,000 of them, and if the tables
                          took all rows, which is always done
      --no-verify         do neither
  Rows that violate a foreign key or a unique key are counted, for up to 30 s, and
  the query that finds them is printed. The foreign key stays, NOT VALID.

If it is broken off:
  A journal in the database (schema pgarc_journal, dropped when all is done) has
  what is done, exactly. A lost connection or a restarted server is waited for.
      --resume            go on with what is left, and with what failed; give the
                          same archive and options again
      --retry-failed      the same
      --restart           forget the journal, and begin anew
      --no-journal        keep none; then a restore cannot be gone on with
      --retry-for TIME    how long to wait for the server, as 30s or 2h (10m)

To be done sooner, what follows is on by default; the end is the same without,
but that a foreign key which does not hold stays NOT VALID where it is split:
` + rewriteHelp + `
      --set NAME=VALUE          a setting of the restoring sessions, above that;
                                may be given several times
      --split-size SIZE         a table that is more than a connection's part of
                                all data is loaded over several, each at least
                                SIZE (as 500MB) of what is stored. That pays where
                                processors would be idle; the table is not frozen

A server to throw away, from the PostgreSQL that is installed on this machine:
      --scratch             restore into it and keep it until Ctrl-C; roles that
                            the archive names are made there, tablespaces are
                            left out
      --scratch-run COMMAND run COMMAND with PGHOST, PGDATABASE ... set to it, and
                            end with its exit status

In place of a restore, as in pg_restore:
  -l, --list          list what would be restored (pgarc ls --format list); with
                      -v all entries, and what they depend on
  -f, --file FILE     write an SQL script (pgarc sql); "-" is stdout; with -v more
                      comments. With it:
      --restrict-key KEY   key for \restrict; by default a random one

Where pg_restore stood, pgarc restore can stand, with the same options. What
differs:
  - -j is on by default, and goes with tar files and every other archive
  - standard input is read only if the archive is "-"; without an archive it is
    $PGARC_ARCHIVE, or the only one in the working directory
  - a schema public that is there already is not an error; what depends on a
    failure is skipped, not tried
  - the exit status is 3, not 1, if entries failed, and 2 for wrong usage
  - a name that nothing has as it stands is read as a pattern; without
    --strict-names, a plain one that matches nothing is a warning, not silence;
    a pattern or a name with a schema is an error, unless --allow-empty
  - -v writes a line for each step; -q, --dry-run, --scratch, --json, --with-deps,
    --with-dependents and what excludes (but -N) are new

Output:
  -v, --verbose  a line for each step
  -q, --quiet    nothing but failures
      --json     a JSON object in each line of stdout: step, failed, skipped,
                 notice, progress, and last summary
  -?, --help     show this help

The first Ctrl-C cancels what runs on the server and ends with the summary; the
second stops at once.

Exit status:
  0    all done
  1    could not connect, or stopped by -e or -1, or by a full disk
  2    wrong usage
  3    restored, but entries failed or were skipped
  4    the archive is damaged, or not an archive
  130  interrupted
`

// whatHelp is what the help of all commands that plan a restore says of the
// selection.
const whatHelp = `What to restore (as pg_restore):
  -n, --schema NAME           only objects in this schema
  -N, --exclude-schema NAME   none in this schema
  -t, --table NAME            this table (view, sequence, ...) and its data
  -I, --index NAME            this index
  -P, --function 'NAME(ARGS)' this function
  -T, --trigger 'TABLE NAME'  this trigger
      --filter FILE           names as FILE says (pgarc sql --help)
      --strict-names          a name that nothing has is an error
  -L, --use-list FILE         what FILE lists, in its order (pgarc ls --format list)
      --section NAME          pre-data, data or post-data
  -a, --data-only             -s, --schema-only          --statistics-only
      --no-data                   --no-schema            --no-statistics
      --statistics
  -x, --no-privileges         no grants; also --no-acl
      --no-comments  --no-policies  --no-publications  --no-subscriptions
      --no-security-labels
  -n, -N, -t, -I, -P, -T, --filter and --section may be given several times.

` + beyondHelp

// rewriteHelp lists rewriteFlags.
const rewriteHelp = `      --no-split-keys           PRIMARY KEY, UNIQUE: the index is built beside
                                others, then made the constraint
      --no-split-foreign-keys   made NOT VALID, then validated beside others
      --no-split-indexes        CLUSTER ON, REPLICA IDENTITY after all builds
      --no-freeze               COPY FREEZE into tables that the restore made
      --no-binary-copy          binary COPY, where the types of all columns allow it
                                and it saves the server work
      --no-vacuum               VACUUM of large ones at once; it reads only the
                                visibility map
      --no-analyze              ANALYZE of a small sample of what a materialized
                                view reads, before its refresh
      --no-tuning               synchronous_commit and maintenance_work_mem of the
                                restoring sessions, chosen by rule; through a
                                socket, index builds without parallel workers while
                                -j keeps all processors busy; -v shows them
      --no-hold-autovacuum      autovacuum's work on tables that the restore makes
                                put off until the end: where it begins with one, it
                                is made to give it up
      --no-send-ahead           quick statements, without waiting for each answer
      --compat                  none of these: the archive's own statements, one
                                at a time on each connection

      --analyze                 end with an ANALYZE of all that was loaded. By
                                default that is left to autovacuum: on a slow
                                volume it can take as long as the rest`
