// Who may do what. Each case: a sentence, the action, its resource, what the request carries, and who is allowed; everybody else is denied.
// own = bloom, other = analytics.

const key = (tier, database, rest) => `vault/production/${tier}/${database}/2026/11/${database}_20261122T020000Z/${rest}`
const own = key('daily', 'bloom', 'a1b2c3d4/base.dump.zst')
const other = key('daily', 'analytics', 'a1b2c3d4/base.dump.zst')
const manifest = key('daily', 'bloom', 'manifest.json')
const result = key('daily', 'bloom', 'results/20261122T040000Z-drill-pass.json')
const tombstone = key('daily', 'bloom', 'expired.json')
const evidence = 'vault/production/audit/bloom/20261122T050000Z-restore.json'

const write = { 's3:if-none-match': '*', 's3:ObjectCreationOperation': 'true' }
const tags = (from, to) => ({
  's3:RequestObjectTag/backup': to, 's3:RequestObjectTagKeys': ['backup'],
  ...(from ? { 's3:ExistingObjectTag/backup': from } : {}),
})
// ImageSha384 stands for the encryption context; see matrix.mjs.
const viaS3 = { 'kms:ViaService': 's3.eu-central-1.amazonaws.com', 'kms:RecipientAttestation:ImageSha384': 'arn:aws:s3:::vault' }

// ci-made: what continuous integration can make at most, a role named like a writer with every right inside the boundary.
export const columns = ['writer', 'drill', 'watch', 'pruner', 'rotation', 'operator', 'auditor', 'vault-admin', 'ci-preview', 'ci-deploy', 'ci-made', 'account-admin', 'other-account']

export const groups = {
  'Backups come into being': [
    ['add an artifact of its own database', 's3:PutObject', own, write, ['writer', 'vault-admin', 'ci-made', 'account-admin']],
    ['add one of another database', 's3:PutObject', other, write, ['vault-admin', 'ci-made', 'account-admin']],
    ['give birth tags', 's3:PutObjectTagging', own, tags(null, 'pending'), ['writer', 'vault-admin', 'ci-made', 'account-admin']],
    ['mark pending as committed', 's3:PutObjectTagging', own, tags('pending', 'committed'), ['writer', 'vault-admin', 'ci-made', 'account-admin']],
    ['mark committed again, when an answer was lost', 's3:PutObjectTagging', own, tags('committed', 'committed'), ['writer', 'vault-admin', 'ci-made', 'account-admin']],
    ['lock for as long as the tier is kept', 's3:PutObjectRetention', own, { 's3:object-lock-remaining-retention-days': '30' }, ['writer', 'watch', 'vault-admin', 'ci-made', 'account-admin']],
  ],
  'Nothing that runs daily can end, replace or shorten one': [
    ['overwrite in place', 's3:PutObject', own, { 's3:ObjectCreationOperation': 'true' }, []],
    ['delete an object', 's3:DeleteObject', own, {}, ['vault-admin']],
    ['delete a version', 's3:DeleteObjectVersion', own, {}, ['vault-admin']],
    ['lift a governance lock', 's3:BypassGovernanceRetention', own, {}, ['vault-admin']],
    ['lock far beyond the tier', 's3:PutObjectRetention', own, { 's3:object-lock-remaining-retention-days': '3650' }, []],
    ['lock in compliance mode', 's3:PutObjectRetention', own, { 's3:object-lock-mode': 'COMPLIANCE', 's3:object-lock-remaining-retention-days': '20' }, []],
    ['hold without an end', 's3:PutObjectLegalHold', own, {}, ['vault-admin']],
    ['expire a committed backup', 's3:PutObjectTagging', own, tags('committed', 'expired'), ['pruner', 'vault-admin']],
    ['make a committed backup pending', 's3:PutObjectTagging', own, tags('committed', 'pending'), ['vault-admin']],
    ['bring back what has expired', 's3:PutObjectTagging', own, tags('expired', 'committed'), ['vault-admin']],
    ['make an expired backup pending', 's3:PutObjectTagging', own, tags('expired', 'pending'), ['vault-admin']],
    ['give a committed backup no state', 's3:PutObjectTagging', own, { 's3:RequestObjectTagKeys': ['note'], 's3:RequestObjectTag/note': 'x', 's3:ExistingObjectTag/backup': 'committed' }, ['vault-admin']],
    ['tag an old version', 's3:PutObjectVersionTagging', own, tags('committed', 'expired'), ['vault-admin']],
    ['remove tags', 's3:DeleteObjectTagging', own, {}, ['vault-admin']],
    ['encrypt anew with a key of its own', 's3:UpdateObjectEncryption', own, {}, ['vault-admin']],
    ['upload under another key', 's3:PutObject', own, { ...write, 's3:x-amz-server-side-encryption': 'aws:kms', 's3:x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:eu-central-1:111122223333:key/another' }, []],
    ["upload under a customer's key", 's3:PutObject', own, { ...write, 's3:x-amz-server-side-encryption-customer-algorithm': 'AES256' }, []],
  ],
  'Proof cannot be forged by who makes backups': [
    ['write a drill result', 's3:PutObject', result, write, ['drill', 'vault-admin', 'ci-made', 'account-admin']],
    ['write a tombstone', 's3:PutObject', tombstone, write, ['pruner', 'vault-admin', 'ci-made', 'account-admin']],
    ['leave evidence of a restore', 's3:PutObject', evidence, write, ['writer', 'drill', 'pruner', 'operator', 'vault-admin', 'ci-made', 'account-admin']],
  ],
  'Reading': [
    ['read a manifest of its own database', 's3:GetObject', manifest, {}, ['writer', 'drill', 'watch', 'pruner', 'operator', 'auditor', 'vault-admin', 'ci-made', 'account-admin']],
    ["read a drill's result", 's3:GetObject', result, {}, ['writer', 'drill', 'watch', 'pruner', 'operator', 'auditor', 'vault-admin', 'ci-made', 'account-admin']],
    ['read why a backup expired', 's3:GetObject', tombstone, {}, ['writer', 'drill', 'watch', 'pruner', 'operator', 'auditor', 'vault-admin', 'ci-made', 'account-admin']],
    ['read the evidence trail', 's3:GetObject', evidence, {}, ['writer', 'drill', 'watch', 'pruner', 'operator', 'auditor', 'vault-admin', 'ci-made', 'account-admin']],
    ['read an artifact of its own database', 's3:GetObject', own, {}, ['drill', 'operator', 'vault-admin', 'ci-made', 'account-admin']],
    ['read an artifact of another database', 's3:GetObject', other, {}, ['operator', 'vault-admin', 'ci-made', 'account-admin']],
    ['decrypt it (S3 asks the key)', 'kms:Decrypt', 'key', viaS3, ['writer', 'drill', 'watch', 'pruner', 'operator', 'auditor', 'ci-made']],
    ['decrypt outside of S3', 'kms:Decrypt', 'key', {}, ['ci-made']],
    ["read a month's report", 's3:GetObject', 'config/reports/report-production-2026-10.html', {}, ['auditor', 'vault-admin', 'ci-made', 'account-admin']],
    ['thaw an archived artifact', 's3:RestoreObject', own, {}, ['operator', 'vault-admin', 'ci-made', 'account-admin']],
    ["read the database's password", 'secretsmanager:GetSecretValue', 'secret/bloom', { 'secretsmanager:resource/AllowRotationLambdaArn': 'rotation-function', 'aws:ResourceTag/backup-stack': 'backup-bloom-production' }, ['writer', 'rotation']],
    ["read another database's password", 'secretsmanager:GetSecretValue', 'secret/analytics', {}, []],
    ["read another stack's password", 'secretsmanager:GetSecretValue', 'secret-elsewhere', { 'aws:ResourceTag/backup-stack': 'another' }, ['account-admin']],
    ["read another project's bucket", 's3:GetObject', 'bucket-elsewhere', {}, ['account-admin']],
    ["see the variables of the stack's functions", 'lambda:GetFunction', 'function', {}, ['ci-preview', 'ci-deploy', 'account-admin']],
    ["see the variables of another project's functions", 'lambda:GetFunction', 'function-elsewhere', {}, ['account-admin']],
    ["see the subscribers of another project's topics", 'sns:GetSubscriptionAttributes', 'topic-elsewhere', {}, ['account-admin']],
    ['read over plain HTTP', 's3:GetObject', own, { 'aws:SecureTransport': 'false' }, []],
    ['read over TLS 1.1', 's3:GetObject', own, { 's3:TlsVersion': '1.1' }, []],
  ],
  'The guards themselves': [
    ['change what S3 tells EventBridge', 's3:PutBucketNotification', 'vault', {}, ['vault-admin']],
    ['change lifecycle rules', 's3:PutLifecycleConfiguration', 'vault', {}, ['vault-admin']],
    ['change the bucket policy', 's3:PutBucketPolicy', 'vault', {}, ['vault-admin']],
    ['remove the bucket policy', 's3:DeleteBucketPolicy', 'vault', {}, ['vault-admin']],
    ['change replication', 's3:PutReplicationConfiguration', 'vault', {}, ['vault-admin']],
    ['change the default lock', 's3:PutBucketObjectLockConfiguration', 'vault', {}, ['vault-admin']],
    ['end the key', 'kms:ScheduleKeyDeletion', 'key', {}, ['vault-admin']],
    ["change the key's policy", 'kms:PutKeyPolicy', 'key', {}, ['vault-admin']],
    ['stop the trail', 'cloudtrail:StopLogging', 'trail', {}, ['vault-admin', 'account-admin']],
    ['delete what the trail wrote', 's3:DeleteObjectVersion', 'trail-bucket/AWSLogs/111122223333/x.json.gz', {}, ['vault-admin']],
    ['change the boundary', 'iam:CreatePolicyVersion', 'boundary', {}, ['vault-admin', 'account-admin']],
    ['make a role without boundary', 'iam:CreateRole', 'new-role', {}, ['account-admin']],
    ['make a role within the boundary', 'iam:CreateRole', 'new-role', { 'iam:PermissionsBoundary': 'boundary' }, ['ci-deploy', 'account-admin']],
    ["change the operators' role", 'iam:PutRolePolicy', 'operator-role', {}, ['account-admin']],
    ['deploy a function', 'lambda:UpdateFunctionCode', 'function', {}, ['ci-deploy', 'account-admin']],
    ['write a policy document', 's3:PutObject', 'config/policy/new.json', {}, ['vault-admin', 'ci-deploy']],
    ["write a month's report, once", 's3:PutObject', 'config/reports/report-production-2026-10.html', write, ['watch', 'vault-admin']],
    ["write a month's report over another", 's3:PutObject', 'config/reports/report-production-2026-10.html', { 's3:ObjectCreationOperation': 'true' }, []],
    ['delete a policy document', 's3:DeleteObject', 'config/policy/new.json', {}, ['vault-admin']],
  ],
}

// The same with backup:keyPerDatabase; `writer` and `drill` are still bloom's.
const ofStack = { ...viaS3, 'aws:ResourceTag/backup-stack': 'backup-bloom-production' }
export const keyed = {
  'With a key per database': [
    ['store under its own key', 'kms:GenerateDataKey', 'key/bloom', ofStack, ['writer']],
    ["store under another database's key", 'kms:GenerateDataKey', 'key/analytics', ofStack, []],
    ['decrypt what lies under its own key', 'kms:Decrypt', 'key/bloom', ofStack, ['writer', 'drill', 'watch', 'pruner', 'operator', 'auditor']],
    ["decrypt what lies under another database's key", 'kms:Decrypt', 'key/analytics', ofStack, ['watch', 'pruner', 'operator', 'auditor']],
    ["end a database's key, and with it its backups", 'kms:ScheduleKeyDeletion', 'key/bloom', { 'aws:ResourceTag/backup-stack': 'backup-bloom-production' }, ['vault-admin']],
    ["upload under another database's key", 's3:PutObject', own, { ...write, 's3:x-amz-server-side-encryption': 'aws:kms', 's3:x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:eu-central-1:111122223333:key/keys-database-analytics' }, ['writer', 'vault-admin', 'ci-made', 'account-admin']],
  ],
}

// Of the same stack, which also has encryption.drillKey.
Object.assign(keyed, {
  'With gpg and a drill key': [
    ['read the drill key', 'secretsmanager:GetSecretValue', 'drill-key', { 'aws:ResourceTag/backup-stack': 'backup-bloom-production' }, ['drill']],
    ["read the drill key as a rotation's secret", 'secretsmanager:GetSecretValue', 'drill-key', { 'secretsmanager:resource/AllowRotationLambdaArn': 'rotation-function', 'aws:ResourceTag/backup-stack': 'backup-bloom-production' }, ['drill']],
    ['see that the drill key has a value', 'secretsmanager:DescribeSecret', 'drill-key', { 'aws:ResourceTag/backup-stack': 'backup-bloom-production' }, ['watch', 'ci-preview', 'ci-deploy', 'ci-made', 'account-admin']],
    ['store another drill key', 'secretsmanager:PutSecretValue', 'drill-key', { 'aws:ResourceTag/backup-stack': 'backup-bloom-production' }, ['ci-made', 'account-admin']],
  ],
})

// Who may take a role: principal, what the session carries, and which roles. The first three columns are of a stack with kind: identity-center.
export const trust = [
  ['an operator of Identity Center', 'sso:BackupOperators', {}, { center: ['restore-operator', 'auditor'], users: [] }],
  ['another permission set', 'sso:Developers', {}, { center: [], users: [] }],
  ['an IAM user with MFA of the last hour', 'user:olivia', { 'aws:MultiFactorAuthPresent': 'true', 'aws:MultiFactorAuthAge': '60' }, { center: [], users: ['restore-operator', 'auditor'] }],
  ['the same user with MFA of yesterday', 'user:olivia', { 'aws:MultiFactorAuthPresent': 'true', 'aws:MultiFactorAuthAge': '86000' }, { center: [], users: [] }],
  ['the same user without MFA', 'user:olivia', { 'aws:MultiFactorAuthPresent': 'false' }, { center: [], users: [] }],
  ['the same user with a long-term key', 'user:olivia', {}, { center: [], users: [] }],
  ["a configured administrator's role", 'role:backup-administrator', {}, { center: ['vault-admin'], users: ['vault-admin'] }],
  ["a writer's role", 'role:backup-bloom-production-writer-bloom', {}, { center: [], users: [] }],
  ["continuous integration's deploy role", 'role:backup-bloom-production-ci-deploy', {}, { center: [], users: [] }],
  ['an administrator of another account', 'foreign', {}, { center: [], users: [] }],
]
