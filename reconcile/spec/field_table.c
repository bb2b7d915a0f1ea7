/*
 * The rows of the field table, leaves first: sections name the tables of what
 * is in them. Patterns keep to what POSIX extended regular expressions and
 * ECMA's have in common, since the JSON Schema carries them too.
 */
#include "spec/desired.h"
#include "spec/field.h"

#define INTO(type_, member_) .offset = offsetof(struct type_, member_)
#define INTO_LIST(type_, items_, count_)                                                                               \
	.offset = offsetof(struct type_, items_), .count_offset = offsetof(struct type_, count_)
#define END                                                                                                            \
	{                                                                                                              \
		.key = NULL                                                                                            \
	}
#define WORDS_END                                                                                                      \
	{                                                                                                              \
		.word = NULL                                                                                           \
	}

#define BOT_PATTERN "^([0-9A-Za-z]{26}|\\(null\\))$"
#define CLUSTER_PATTERN "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
#define CLUSTER_SHAPE                                                                                                  \
	"an RDS identifier: 1 to 63 lower-case letters, digits and hyphens, a letter first, no hyphen last, no two "   \
	"together"

#define ROLE_PATTERN "^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^ ]+$"
#define ROLE_SHAPE "the ARN of an IAM role, such as arn:aws:iam::123456789012:role/trueup"

/* Words. Their order is that of the enums in desired.h. */

static const struct field_word api_versions[] = {
    {"trueup/v1", "The version of this format."},
    WORDS_END,
};

static const struct field_word kinds[] = {
    {"BedrockChat", "A deployment of Bedrock Chat."},
    WORDS_END,
};

static const struct field_word modes[] = {
    {"enforce", "apply makes the world as the spec says."},
    {"observe", "apply changes nothing: it reports the drift, as plan does."},
    {"paused", "Nothing is read and nothing is changed; the report says so."},
    WORDS_END,
};

static const struct field_word replaces[] = {
    {"manual",
     "A person deploys the version of the stack whose cluster is encrypted. trueup takes a snapshot first, says what "
     "is "
     "next and goes on from where the person left it. Until then it is drift, and what follows waits."},
    {"deploy",
     "trueup takes a snapshot and runs `deploy.command`, which has CloudFormation replace the cluster. The new one is "
     "empty: spec.vectors.restore says how the rows come back."},
    {"restore", "trueup takes a snapshot, restores it encrypted and puts the new cluster in the old one's place."},
    WORDS_END,
};

static const struct field_word schemas[] = {
    {"present",
     "The extension, the table and its indexes are made where they are missing; what is there is not altered."},
    {"ignore", "They are neither looked at nor made."},
    WORDS_END,
};

static const struct field_word index_methods[] = {
    {"ivfflat", "pgvector's inverted lists, which Bedrock Chat searches with."},
    WORDS_END,
};

static const struct field_word matches[] = {
    {"exact", "Each bot has just the rows that it should have; with digests, the very same rows."},
    {"at-least", "Each bot has at least the rows that it should have; more are fine."},
    WORDS_END,
};

static const struct field_word counts_froms[] = {
    {"baseline", "The file named by `file`, as `trueup capture` wrote it: rows and digests."},
    {"source", "What the database named by restore.from holds: rows and digests."},
    {"bots", "The application's own bots: each that has knowledge has rows, one or more, and rows of bots that no "
             "longer exist are too many."},
    {"inline", "The numbers under `bots`: rows only."},
    WORDS_END,
};

static const struct field_word restore_methods[] = {
    {"copy", "Rows are streamed from restore.from, a bot in one transaction, and read back for proof."},
    {"embed",
     "The application's embedding tasks compute the rows again, from documents and pages as they are now. It costs "
     "money, and rows get new ids: compare with a tolerance, or with `match: at-least`."},
    {"replication",
     "For a restore.from that is still being written: its rows are copied, and the target follows it by PostgreSQL's "
     "logical replication until every bot is equal at one moment. Both ends, of PostgreSQL 13 or later, need "
     "rds.logical_replication = 1 (on Aurora; elsewhere the source wal_level = logical), and the target's server a way "
     "to the source. Meanwhile the source has a publication, a slot and a role of trueup's."},
    {"dms",
     "AWS Database Migration Service moves the whole table on a machine of its own, by a homogeneous data migration: "
     "for tables that outgrow one machine. It moves whole tables, and from a source that nobody writes to."},
    {"none", "Rows are compared and never moved."},
    WORDS_END,
};

static const struct field_word embed_vias[] = {
    {"queue", "The bot's SyncStatus is set to QUEUED, and the application's own pipe starts the task: works for every "
              "version."},
    {"task", "trueup starts the task itself, where the pipe is broken or not there."},
    WORDS_END,
};

static const struct field_word embed_forms[] = {
    {"auto", "Both of these, of which each version reads its own."},
    {"argument", "The command's last argument: up to v1.2.4."},
    {"environment", "The environment variable EVENT: from v1.2.5."},
    WORDS_END,
};

static const struct field_word queries[] = {
    {"none", "Rows of the bot itself stand in for questions; nothing is embedded."},
    {"bedrock", "Some bots are asked besides with the first words of one of their rows, embedded by Bedrock as the "
                "application does it. That costs a fraction of a cent."},
    WORDS_END,
};

static const struct field_word auths[] = {
    {"secret", "User and password from the secret."},
    {"iam", "A token that AWS IAM signs for `user`; the cluster must have IAM authentication on."},
    WORDS_END,
};

static const struct field_word sslmodes[] = {
    {"disable", "No TLS. Only for a tunnel that encrypts by itself."},
    {"allow", "TLS only if the server insists."},
    {"prefer", "TLS if the server has it."},
    {"require", "TLS, with any certificate."},
    {"verify-ca", "TLS, with a certificate of a known authority."},
    {"verify-full", "TLS, with a certificate of a known authority for this very host."},
    WORDS_END,
};

static const struct field_word allows[] = {
    {"replace-cluster", "Put an encrypted cluster in the place of one that is not."},
    {"remove-published-apis",
     "Delete the published APIs, whose stacks keep CloudFormation from replacing the cluster (with `replace: manual` "
     "and `deploy`). How to publish each again is recorded first, in the state directory."},
    {"suspend-rotation",
     "Turn the password rotation off: because the spec says so, or for as long as rows are moved by a method that "
     "needs the password to stay."},
    {"run-embedding-tasks", "Start embedding tasks, which cost money, and replace whatever rows their bots have."},
    {"delete-vectors", "Delete rows of bots that should have fewer or none."},
    {"rebuild-index", "Build the vector index anew where it is not as it should be; searches slow down meanwhile."},
    {"remove-members", "Take users out of a group that is exclusive."},
    {"sign-out-users", "Sign users out everywhere who were added to a group with signOut."},
    WORDS_END,
};

static const struct field metadata_fields[] = {
    {"name", FIELD_TYPE_STRING, .required = true, INTO(desired_metadata, name), .most = 40,
     .pattern = "^[a-z0-9-]{1,40}$", .shape = "1 to 40 lower-case letters, digits and hyphens", .example = "production",
     .text = "Names the deployment: in reports, in the lock, in the tag and in the names of what trueup creates. "
             "Unique over all specs of a run. Do not change it while a migration is under way: what the old name made "
             "would not be recognised."},
    END,
};

static const struct field role_fields[] = {
    {"arn", FIELD_TYPE_STRING, .required = true, INTO(desired_role, arn), .most = 2048, .pattern = ROLE_PATTERN,
     .shape = ROLE_SHAPE, .example = "arn:aws:iam::123456789012:role/trueup",
     .text = "The role that trueup assumes before anything else."},
    {"externalId", FIELD_TYPE_STRING, INTO(desired_role, external_id), .most = 1224,
     .pattern = "^[A-Za-z0-9_+=,.@:/-]{2,}$", .shape = "2 to 1224 letters, digits and any of _+=,.@:/-",
     .example = "abc", .text = "The external id that the role's trust policy asks for, if it does."},
    END,
};

static const struct field aws_fields[] = {
    {"region", FIELD_TYPE_STRING, INTO(desired_aws, region), .most = 32, .pattern = "^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$",
     .shape = "a region such as eu-west-3", .fallback_text = "as the AWS SDKs find it: AWS_REGION, then the profile",
     .example = "eu-west-3", .text = "The region of everything that the spec names."},
    {"account", FIELD_TYPE_STRING, INTO(desired_aws, account), .most = 12, .pattern = "^[0-9]{12}$",
     .shape = "an AWS account: 12 digits, in quotes", .fallback_text = "no guard", .example = "\"123456789012\"",
     .text = "A guard: with credentials of any other account nothing is done. In quotes, because a number would lose "
             "a leading zero."},
    {"stack", FIELD_TYPE_STRING, INTO(desired_aws, stack), .most = 128, .pattern = "^[A-Za-z][A-Za-z0-9-]*$",
     .shape = "the name of a CloudFormation stack: letters, digits and hyphens, a letter first",
     .fallback_text = "nothing is looked up", .example = "BedrockChatStack",
     .text = "The CloudFormation stack of the deployment. Its outputs and resources supply what the spec does not name "
             "itself: cluster, secret, user pool."},
    {"assumeRole", FIELD_TYPE_SECTION, INTO(desired_aws, assume_role), .fields = role_fields,
     .fallback_text = "the credentials as they are",
     .example = "{arn: \"arn:aws:iam::123456789012:role/trueup\", externalId: abc}",
     .text = "A role to assume, for a deployment in another account or with fewer rights."},
    END,
};

static const struct field deploy_fields[] = {
    {"command", FIELD_TYPE_STRINGS, .required = true, INTO(desired_deploy, command), .least = 1, .most = 100,
     .example = "[npx, cdk, deploy, --require-approval, never]",
     .text =
         "The program and its arguments. No shell reads them. It has trueup's own environment, so that it finds the "
         "same credentials (but for aws.assumeRole), and nobody to ask. What it prints goes to the log. It is run "
         "only if the stack is at rest, and never a second time while an update is under way. Under the systemd units "
         "it can write only where a drop-in says so, as contrib/systemd/deploy.conf does."},
    {"directory", FIELD_TYPE_PLACE, INTO(desired_deploy, directory), .most = 4096,
     .fallback_text = "the spec's directory", .example = "../bedrock-chat/cdk",
     .text = "Where to run it, relative to the spec. It may be outside of the spec's directory tree."},
    {"timeout", FIELD_TYPE_DURATION, INTO(desired_deploy, timeout), .least = 1, .most = 86400, .fallback = "2h",
     .example = "2h",
     .text = "How long it may take, whatever --wait says; then it is ended. CloudFormation goes on without it, and is "
             "waited for as --wait says."},
    END,
};

static const struct field cluster_fields[] = {
    {"identifier", FIELD_TYPE_STRING, INTO(desired_cluster, identifier), .most = 63, .pattern = CLUSTER_PATTERN,
     .shape = CLUSTER_SHAPE, .fallback_text = "the Aurora cluster of aws.stack", .example = "my-cluster",
     .text = "The Aurora cluster of the vector store. Not with `replace: deploy`: CloudFormation gives the new cluster "
             "another name, which the stack then has."},
    {"encrypted", FIELD_TYPE_BOOL, INTO(desired_cluster, encrypted), .fallback_text = "not managed", .example = "true",
     .allow = "replace-cluster",
     .text = "true: the cluster is encrypted at rest. A cluster that is not cannot be changed, only replaced: see "
             "`replace`. false is refused, since trueup never decrypts."},
    {"kmsKey", FIELD_TYPE_STRING, INTO(desired_cluster, kms_key), .most = 2048,
     .pattern = "^(alias/[A-Za-z0-9/_-]+|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+|"
                "mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$",
     .shape = "a KMS key: alias/NAME, a key id or an ARN", .fallback_text = "any key; for a new cluster, aws/rds",
     .example = "alias/bedrock-chat", .allow = "replace-cluster",
     .text = "The key that the cluster is encrypted with; another key is drift. Needs `encrypted: true`."},
    {"replace", FIELD_TYPE_WORD, INTO(desired_cluster, replace), .words = replaces, .fallback = "manual",
     .example = "restore", .allow = "replace-cluster",
     .text = "Who replaces a cluster that is not encrypted, and how. With `restore` the rows come along in the "
             "snapshot, so that nothing has to be embedded again."},
    {"deploy", FIELD_TYPE_SECTION, INTO(desired_cluster, deploy), .fields = deploy_fields,
     .example = "{command: [npx, cdk, deploy], directory: ../bedrock-chat/cdk, timeout: 2h}",
     .text = "The deployment to run with `replace: deploy`."},
    END,
};

static const struct field rotation_fields[] = {
    {"enabled", FIELD_TYPE_BOOL, .required = true, INTO(desired_rotation, enabled), .example = "true",
     .allow = "suspend-rotation",
     .text = "true: the password is rotated. Where that is off it is turned on, and nothing is rotated at once: the "
             "schedule says when. It is suspended while rows are moved by a method that needs the password to stay. "
             "false: it is not rotated; a rotation that is under way ends first."},
    END,
};

static const struct field index_fields[] = {
    {"method", FIELD_TYPE_WORD, INTO(desired_index, method), .words = index_methods, .fallback = "ivfflat",
     .example = "ivfflat", .allow = "rebuild-index", .text = "The kind of index."},
    {"lists", FIELD_TYPE_AUTO_INT, INTO(desired_index, lists), .least = 1, .most = 32768, .fallback = "auto",
     .example = "auto", .allow = "rebuild-index",
     .text =
         "How many lists the index has. `auto` follows the row count as pgvector recommends: a thousandth of the "
         "rows, beyond a million their square root. An index that has more than four times as many lists or less "
         "than a fourth is built again, such as the application's own, which it builds on an empty table. So is "
         "one with the right number that was built on an empty table, from eight lists on: a search reads a quarter "
         "of all rows or more. Fewer than 100 rows are fine with any."},
    END,
};

static const struct field counts_fields[] = {
    {"from", FIELD_TYPE_WORD, INTO(desired_counts, from), .words = counts_froms, .fallback = "baseline",
     .example = "baseline",
     .text = "Where it is known from how many rows each bot should have. Where the section bots has trueup look at the "
             "application's bots as well, those that were deleted since are not missed."},
    {"file", FIELD_TYPE_PATH, INTO(desired_counts, file), .most = 4096, .example = "baselines/production.yaml",
     .text = "With `from: baseline`, the file, relative to the spec and within its directory. `trueup capture` "
             "writes it; best before the migration."},
    {"bots", FIELD_TYPE_COUNTS, INTO_LIST(desired_counts, bots, bot_count), .least = 0, .most = INT64_C(1000000000000),
     .pattern = BOT_PATTERN, .shape = "a bot's id: 26 letters and digits",
     .example = "{01HZZZZZZZZZZZZZZZZZZZZZZZ: 1204}", .text = "With `from: inline`, the rows of each bot by its id."},
    END,
};

static const struct field connect_fields[] = {
    {"secret", FIELD_TYPE_STRING, INTO(desired_connect, secret), .most = 2048, .pattern = "^[A-Za-z0-9/_+=.@!:-]+$",
     .shape = "the ARN or the name of a secret in Secrets Manager", .fallback_text = "the secret of aws.stack",
     .example = "arn-or-name", .text = "The secret that holds user and password, as RDS and the CDK write them."},
    {"auth", FIELD_TYPE_WORD, INTO(desired_connect, auth), .words = auths, .fallback = "secret", .example = "secret",
     .text = "How to prove who connects."},
    {"host", FIELD_TYPE_STRING, INTO(desired_connect, host), .most = 253, .pattern = "^[A-Za-z0-9.-]+$",
     .shape = "a host name, without a port", .fallback_text = "the cluster's endpoint", .example = "db.example.com",
     .text = "The server, and the name that its certificate must have."},
    {"hostaddr", FIELD_TYPE_STRING, INTO(desired_connect, hostaddr), .most = 45, .pattern = "^[0-9A-Fa-f.:]+$",
     .shape = "an IPv4 or IPv6 address", .fallback_text = "as `host` resolves", .example = "127.0.0.1",
     .text = "The address to connect to in its place, such as the near end of a tunnel. TLS still checks `host`."},
    {"port", FIELD_TYPE_INT, INTO(desired_connect, port), .least = 1, .most = 65535,
     .fallback_text = "the cluster's, else 5432", .example = "5432", .text = "The server's port."},
    {"database", FIELD_TYPE_STRING, INTO(desired_connect, database), .most = 63, .pattern = "^[^ ].*$",
     .shape = "the name of a database", .fallback_text = "the secret's, else postgres", .example = "postgres",
     .text = "The database that the table is in."},
    {"user", FIELD_TYPE_STRING, INTO(desired_connect, user), .most = 63, .pattern = "^[^ ].*$",
     .shape = "the name of a database user", .fallback_text = "the secret's", .example = "postgres",
     .text = "The database user. Needed with `auth: iam` and `host`."},
    {"sslmode", FIELD_TYPE_WORD, INTO(desired_connect, sslmode), .words = sslmodes, .fallback = "verify-full",
     .example = "verify-full", .text = "How much TLS, as libpq understands it."},
    {"sslrootcert", FIELD_TYPE_PATH, INTO(desired_connect, sslrootcert), .most = 4096,
     .fallback_text = "as libpq finds it: PGSSLROOTCERT, then ~/.postgresql/root.crt",
     .example = "rds-global-bundle.pem",
     .text = "The certificates of the authorities to trust, relative to the spec and within its directory. For "
             "Aurora it is the bundle that AWS offers for download."},
    END,
};

static const struct field source_fields[] = {
    {"snapshot", FIELD_TYPE_STRING, INTO(desired_source, snapshot), .most = 255, .pattern = "^[A-Za-z][A-Za-z0-9:-]*$",
     .shape = "auto, or the identifier of a cluster snapshot", .example = "auto",
     .text = "A snapshot of the old cluster, restored to a temporary cluster for as long as the copy takes. With "
             "`auto` it is the newest that can hold the baseline's rows: one that trueup took, else the last one of "
             "the stack's old cluster. Needs counts, from anything but `source`."},
    {"cluster", FIELD_TYPE_STRING, INTO(desired_source, cluster), .most = 63, .pattern = CLUSTER_PATTERN,
     .shape = CLUSTER_SHAPE, .example = "old-cluster", .text = "A cluster that runs, by its identifier."},
    {"connect", FIELD_TYPE_SECTION, INTO(desired_source, connect), .fields = connect_fields,
     .example = "{host: old.example.com, secret: old-secret}", .text = "Any database, by how to reach it."},
    END,
};

static const struct field dms_fields[] = {
    {"role", FIELD_TYPE_STRING, .required = true, INTO(desired_dms, role), .most = 2048, .pattern = ROLE_PATTERN,
     .shape = ROLE_SHAPE, .example = "arn:aws:iam::123456789012:role/dms",
     .text = "The role that the data migration runs as: it trusts dms-data-migrations.amazonaws.com."},
    {"secretsRole", FIELD_TYPE_STRING, INTO(desired_dms, secrets_role), .most = 2048, .pattern = ROLE_PATTERN,
     .shape = ROLE_SHAPE, .fallback_text = "as `role`", .example = "arn:aws:iam::123456789012:role/dms-secrets",
     .text = "The role with which DMS reads the secrets of both databases: it trusts DMS of the region."},
    {"subnetGroup", FIELD_TYPE_STRING, .required = true, INTO(desired_dms, subnet_group), .most = 255,
     .pattern = "^[A-Za-z][A-Za-z0-9-]*$", .shape = "the identifier of a replication subnet group of DMS",
     .example = "bedrock-chat-dms",
     .text = "The subnet group that DMS works in: private subnets that reach both databases."},
    END,
};

static const struct field restore_fields[] = {
    {"method", FIELD_TYPE_WORD, INTO(desired_restore, method), .words = restore_methods, .fallback = "copy",
     .example = "copy", .text = "How missing rows come back."},
    {"from", FIELD_TYPE_SECTION, .one_key = true, INTO(desired_restore, from), .fields = source_fields,
     .example = "{cluster: old-cluster}",
     .text = "Where the rows are: just one of the keys below. It is only ever read, but with `method: replication`, "
             "which needs a publication, a replication slot and a role there for as long as it takes."},
    {"streams", FIELD_TYPE_AUTO_INT, INTO(desired_restore, streams), .least = 1, .most = 16, .fallback = "auto",
     .example = "auto", .text = "With `copy` and `replication`: how many COPY streams run side by side."},
    {"via", FIELD_TYPE_WORD, INTO(desired_restore, via), .words = embed_vias, .fallback = "queue", .example = "queue",
     .allow = "run-embedding-tasks", .text = "With `embed`: who starts the embedding of a bot."},
    {"form", FIELD_TYPE_WORD, INTO(desired_restore, form), .words = embed_forms, .fallback = "auto", .example = "auto",
     .text = "With `via: task`: how a task is told its bot, which changed with v1.2.5."},
    {"concurrency", FIELD_TYPE_INT, INTO(desired_restore, concurrency), .least = 1, .most = 100, .fallback = "4",
     .example = "4", .text = "With `embed`: how many bots are embedded at the same time, at most."},
    {"attempts", FIELD_TYPE_INT, INTO(desired_restore, attempts), .least = 1, .most = 10, .fallback = "3",
     .example = "3",
     .text = "With `embed`: how often a bot's embedding is started before it is given up. Tasks of the same revision "
             "of the task definition count for as long as ECS remembers them, an hour or more."},
    {"pickup", FIELD_TYPE_DURATION, INTO(desired_restore, pickup), .least = 1, .most = 86400, .fallback = "5m",
     .example = "5m",
     .text = "With `embed`: how long a bot may be QUEUED without a task before it is started again. Too short, and "
             "it can be embedded twice at once."},
    {"dms", FIELD_TYPE_SECTION, INTO(desired_restore, dms), .fields = dms_fields,
     .example = "{role: \"arn:aws:iam::123456789012:role/dms\", subnetGroup: bedrock-chat-dms}",
     .text = "With `dms`: what DMS works with. With another method: what it has left is deleted."},
    END,
};

static const struct field vectors_fields[] = {
    {"table", FIELD_TYPE_STRING, INTO(desired_vectors, table), .most = 127,
     .pattern = "^[a-z_][a-z0-9_]{0,62}(\\.[a-z_][a-z0-9_]{0,62})?$",
     .shape = "a table, or schema.table: lower-case letters, digits and _, no digit first, 63 at most each",
     .fallback = "items", .example = "items", .text = "The table of the rows."},
    {"schema", FIELD_TYPE_WORD, INTO(desired_vectors, schema), .words = schemas, .fallback = "present",
     .example = "present", .text = "Whether trueup sees to it that there is a table as the application has it."},
    {"index", FIELD_TYPE_SECTION, INTO(desired_vectors, index), .fields = index_fields,
     .example = "{method: ivfflat, lists: auto}", .allow = "rebuild-index",
     .text = "The index for searches, on the embedding. Without this section any index is fine, and one that is "
             "missing is built as `schema` says. It is built once the rows are there, since an index that was "
             "built on an empty table finds less."},
    {"match", FIELD_TYPE_WORD, INTO(desired_vectors, match), .words = matches, .fallback = "exact", .example = "exact",
     .allow = "delete-vectors", .text = "When a bot's rows are as they should be."},
    {"tolerance", FIELD_TYPE_PERCENT, INTO(desired_vectors, tolerance), .least = 0, .most = DESIRED_PERCENT_WHOLE,
     .fallback = "0%", .example = "0%",
     .text = "How far a bot's row count may be off. For documents that were embedded again, whose chunking can differ. "
             "Digests are compared only with 0%."},
    {"counts", FIELD_TYPE_SECTION, INTO(desired_vectors, counts), .fields = counts_fields,
     .fallback_text = "{from: source} where restore.from is given, else rows are not compared",
     .example = "{from: baseline, file: baselines/production.yaml}", .text = "What the rows are compared with."},
    {"restore", FIELD_TYPE_SECTION, INTO(desired_vectors, restore), .fields = restore_fields,
     .example = "{method: copy, from: {cluster: old-cluster}}", .allow = "delete-vectors",
     .text = "How to bring back rows that are missing. Without it they are reported and never moved."},
    {"connect", FIELD_TYPE_SECTION, INTO(desired_vectors, connect), .fields = connect_fields,
     .fallback_text = "the cluster's endpoint, the stack's secret",
     .example = "{secret: my-secret, hostaddr: 127.0.0.1, port: 5432}", .text = "How to reach the database."},
    END,
};

static const struct field member_fields[] = {
    {"username", FIELD_TYPE_STRING, INTO(desired_member, username), .most = 128, .pattern = "^\\S+$",
     .shape = "a user name, without spaces", .example = "7d3c4f2e", .text = "The user name in the pool."},
    {"email", FIELD_TYPE_STRING, INTO(desired_member, email), .most = 254, .pattern = "^[^@ ]+@[^@ ]+$",
     .shape = "an e-mail address", .example = "alice@example.com", .text = "The user's e-mail address."},
    END,
};

static const struct field group_fields[] = {
    {"members", FIELD_TYPE_MEMBERS, INTO_LIST(desired_group, members, member_count), .fields = member_fields,
     .most = 128, .example = "[alice@example.com, Google_1046, {username: 7d3c}]",
     .text = "Who is in the group. With an @ it is an e-mail address, else a user name; for a user name that has an @ "
             "in it write {username: …}."},
    {"membersFrom", FIELD_TYPE_PATH, INTO(desired_group, members_from), .most = 4096, .example = "creators.txt",
     .text = "A file with more of them, one a line, # for comments, relative to the spec and within its directory."},
    {"exclusive", FIELD_TYPE_BOOL, INTO(desired_group, exclusive), .fallback = "false", .example = "false",
     .allow = "remove-members", .text = "true: whoever is not listed is taken out of the group. See limits.removals."},
    {"signOut", FIELD_TYPE_BOOL, INTO(desired_group, sign_out), .fallback = "false", .example = "false",
     .allow = "sign-out-users",
     .text =
         "true: whoever this run adds is signed out everywhere, since groups take effect at the next sign-in. ID "
         "tokens that were issued before stay valid until they expire, which takes up to a day. It is done with the "
         "addition, and never later to whoever is in the group already."},
    END,
};

static const struct field users_fields[] = {
    {"pool", FIELD_TYPE_STRING, INTO(desired_users, pool), .most = 55, .pattern = "^[A-Za-z0-9-]+_[A-Za-z0-9]+$",
     .shape = "the id of a Cognito user pool, such as eu-west-3_AbCdEfGhI",
     .fallback_text = "the user pool of aws.stack", .example = "eu-west-3_AbCdEfGhI", .text = "The user pool."},
    {"groups", FIELD_TYPE_MAP, .required = true, .item_size = sizeof(struct desired_group),
     INTO_LIST(desired_users, groups, group_count), .most = 128, .fields = group_fields, .pattern = "^\\S+$",
     .shape = "the name of a group, without spaces", .example = "{CreatingBotAllowed: {members: [alice@example.com]}}",
     .text = "The groups by their names. Groups that are not listed are left alone. Bedrock Chat v1 "
             "knows " DESIRED_APPLICATION_GROUPS "."},
    END,
};

static const struct field bots_fields[] = {
    {"usable", FIELD_TYPE_BOOL, .required = true, INTO(desired_bots, usable), .example = "true",
     .text = "true: each bot with knowledge is synchronised, has rows, and a search through the vector index leads "
             "to them; how much of what is nearest the index finds is reported. false: the bots are only looked at, "
             "so that spec.vectors knows which were deleted."},
    {"table", FIELD_TYPE_STRING, INTO(desired_bots, table), .most = 255, .pattern = "^[A-Za-z0-9_.-]{3,255}$",
     .shape = "the name of a DynamoDB table", .fallback_text = "the conversation table of aws.stack",
     .example = "BedrockChatStack-DatabaseConversationTable2F7F6F3D",
     .text = "The application's DynamoDB table, which has the bots."},
    {"query", FIELD_TYPE_WORD, INTO(desired_bots, query), .words = queries, .fallback = "none", .example = "bedrock",
     .text = "What the searches are tried with, beside rows of each bot's own."},
    {"model", FIELD_TYPE_STRING, INTO(desired_bots, model), .most = 256, .pattern = "^[A-Za-z0-9.:/_-]+$",
     .shape = "the id of a Bedrock model", .fallback = "cohere.embed-multilingual-v3",
     .example = "cohere.embed-multilingual-v3",
     .text = "With `query: bedrock`: the application's embedding model, one of Cohere's."},
    {"region", FIELD_TYPE_STRING, INTO(desired_bots, region), .most = 32, .pattern = "^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$",
     .shape = "a region such as us-east-1", .fallback_text = "aws.region", .example = "us-east-1",
     .text = "With `query: bedrock`: where the application asks Bedrock, its setting bedrockRegion."},
    END,
};

static const struct field limits_fields[] = {
    {"changes", FIELD_TYPE_INT, INTO(desired_limits, changes), .least = 0, .most = 1000000, .fallback = "1000",
     .example = "1000", .text = "The most actions that one run may take. With more planned, none is."},
    {"removals", FIELD_TYPE_PERCENT, INTO(desired_limits, removals), .least = 0, .most = DESIRED_PERCENT_WHOLE,
     .fallback = "10%", .example = "10%", .allow = "remove-members",
     .text = "The largest part of a group's members that one run may remove, though always one, unless it is 0%. With "
             "more planned, none is."},
    END,
};

static const struct field spec_fields[] = {
    {"mode", FIELD_TYPE_WORD, INTO(desired, mode), .words = modes, .fallback = "enforce", .example = "enforce",
     .text = "What apply may do."},
    {"aws", FIELD_TYPE_SECTION, INTO(desired, aws), .fields = aws_fields,
     .example = "{region: eu-west-3, account: \"123456789012\", stack: BedrockChatStack}",
     .text = "Where the deployment is."},
    {"cluster", FIELD_TYPE_SECTION, INTO(desired, cluster), .fields = cluster_fields,
     .example = "{identifier: my-cluster, encrypted: true, replace: restore}", .allow = "replace-cluster",
     .text = "The vector store's Aurora cluster."},
    {"rotation", FIELD_TYPE_SECTION, INTO(desired, rotation), .fields = rotation_fields, .example = "{enabled: true}",
     .allow = "suspend-rotation", .text = "The rotation of the cluster's password by Secrets Manager."},
    {"vectors", FIELD_TYPE_SECTION, INTO(desired, vectors), .fields = vectors_fields,
     .example = "{counts: {from: baseline, file: baselines/production.yaml}}", .allow = "delete-vectors, rebuild-index",
     .text = "The rows of the vector store: table, index, how many each bot has, and how missing ones come back."},
    {"users", FIELD_TYPE_SECTION, INTO(desired, users), .fields = users_fields,
     .example = "{groups: {CreatingBotAllowed: {members: [alice@example.com]}}}",
     .allow = "remove-members, sign-out-users", .text = "Who is in which group of the Cognito user pool."},
    {"bots", FIELD_TYPE_SECTION, INTO(desired, bots), .fields = bots_fields, .example = "{usable: true}",
     .text = "The application's bots: whether whoever asks them is answered."},
    {"allow", FIELD_TYPE_WORDS, INTO(desired, allow), .words = allows, .fallback_text = "nothing that needs a word",
     .example = "[replace-cluster, remove-members]",
     .text = "What apply may do beyond what is safe. An action that needs a word which is not here stands in the "
             "report as blocked, with that word."},
    {"limits", FIELD_TYPE_SECTION, INTO(desired, limits), .fields = limits_fields,
     .example = "{changes: 1000, removals: 10%}", .text = "How much one run may do, for the day that a spec is wrong."},
    END,
};

const struct field field_document[] = {
    {"apiVersion", FIELD_TYPE_CONSTANT, .required = true, .words = api_versions, .example = "trueup/v1",
     .text = "The version of this format."},
    {"kind", FIELD_TYPE_CONSTANT, .required = true, .words = kinds, .example = "BedrockChat",
     .text = "What the document describes."},
    {"metadata", FIELD_TYPE_SECTION, .required = true, INTO(desired, metadata), .fields = metadata_fields,
     .example = "{name: production}", .text = "Which deployment it is."},
    {"spec", FIELD_TYPE_SECTION, .required = true, .offset = 0, .fields = spec_fields,
     .example = "{aws: {region: eu-west-3}}",
     .text = "What shall be. A section that is absent is not managed: what a spec does not name, trueup neither reads "
             "nor touches."},
    END,
};
