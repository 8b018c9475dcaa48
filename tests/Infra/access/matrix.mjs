// Evaluates every case of cases.mjs against the policies that the stack registers: identity, boundary, bucket, key, secret and trust policies together.
// Usage: node matrix.mjs GRAPH.json   prints {"cells": [{group, case, column, allowed, expected}], "markdown": "…"}
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'
import { columns, groups, keyed, trust } from './cases.mjs'

// The simulator drops encryption-context keys. Another text key of the same actions carries the same values in policies and requests alike.
const graph = JSON.parse(readFileSync(process.argv[2], 'utf8').replaceAll('kms:EncryptionContext:aws:s3:arn', 'kms:RecipientAttestation:ImageSha384'))
const { account, stem } = graph
let resources = graph.resources
const all = (type) => resources.filter((r) => r.type.endsWith(`:${type}`)).map((r) => r.inputs)
const one = (type, test) => {
  const found = all(type).filter(test)
  if (found.length !== 1) throw new Error(`${found.length} resources ${type}`)
  return found[0]
}
const buckets = { vault: `${stem}-vault-${account}`, config: `${stem}-config-${account}`, 'trail-bucket': `${stem}-trail-${account}` }
const administrator = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

const roleNames = { writer: 'writer-bloom', drill: 'drill-bloom', watch: 'watch', pruner: 'pruner', rotation: 'rotation', operator: 'restore-operator',
  auditor: 'auditor', 'vault-admin': 'vault-admin', 'ci-preview': 'ci-preview', 'ci-deploy': 'ci-deploy' }

function principal(column) {
  if (column === 'ci-made') return { arn: `arn:aws:iam::${account}:role/${stem}-writer-made`, policies: [administrator], boundary: JSON.parse(one('Policy', (p) => p.name === `${stem}-boundary`).policy) }
  if (column === 'account-admin') return { arn: `arn:aws:iam::${account}:role/Administrator`, policies: [administrator], boundary: null }
  if (column === 'other-account') return { arn: 'arn:aws:iam::999988887777:role/Administrator', policies: [administrator], boundary: null }
  const name = `${stem}-${roleNames[column]}`
  const role = one('Role', (r) => r.name === name)
  const boundary = role.permissionsBoundary
    ? JSON.parse(one('Policy', (p) => role.permissionsBoundary.endsWith(`:policy/${p.name}`)).policy) : null
  return { arn: `arn:aws:iam::${account}:role/${name}`, policies: all('RolePolicy').filter((p) => p.role === name).map((p) => JSON.parse(p.policy)), boundary }
}

function resource(word) {
  const [head, ...rest] = word.split('/')
  if (head in buckets) {
    const arn = `arn:aws:s3:::${buckets[head]}`
    return { arn: rest.length ? `${arn}/${rest.join('/')}` : arn, policy: JSON.parse(one('BucketPolicy', (p) => p.bucket === buckets[head]).policy) }
  }
  if (head === 'key') {
    const key = rest.length ? `keys-database-${rest[0]}` : 'keys-vault'
    return { arn: `arn:aws:kms:${graph.region}:${account}:key/${key}`, policy: JSON.parse(resources.find((r) => r.type.endsWith(':Key') && r.name === key).inputs.policy) }
  }
  if (head === 'secret') {
    const secret = one('Secret', (s) => s.name.includes(rest[0] === 'bloom' ? 'database-url' : 'analytics-url'))
    return { arn: `arn:aws:secretsmanager:${graph.region}:${account}:secret:${secret.name}-AbCdEf`, policy: JSON.parse(secret.policy) }
  }
  if (head === 'drill-key') {
    const secret = one('Secret', (s) => s.name.endsWith('/drill-key'))
    return { arn: `arn:aws:secretsmanager:${graph.region}:${account}:secret:${secret.name}-AbCdEf`, policy: JSON.parse(secret.policy) }
  }
  const arns = { trail: `arn:aws:cloudtrail:${graph.region}:${account}:trail/${stem}-vault-access`, boundary: `arn:aws:iam::${account}:policy/${stem}-boundary`,
    'new-role': `arn:aws:iam::${account}:role/${stem}-new`, 'operator-role': `arn:aws:iam::${account}:role/${stem}-restore-operator`,
    'function-elsewhere': `arn:aws:lambda:${graph.region}:${account}:function:shop-api`, 'topic-elsewhere': `arn:aws:sns:${graph.region}:${account}:shop-orders`,
    'secret-elsewhere': `arn:aws:secretsmanager:${graph.region}:${account}:secret:shop/url-AbCdEf`, 'bucket-elsewhere': 'arn:aws:s3:::shop-pictures/1.jpg',
    function: `arn:aws:lambda:${graph.region}:${account}:function:${stem}-dump-bloom` }
  return { arn: arns[word], policy: undefined }
}

const named = { vault: undefined, boundary: `arn:aws:iam::${account}:policy/${stem}-boundary`, 'rotation-function': `arn:aws:lambda:${graph.region}:${account}:function:${stem}-rotate-secret`,
  'arn:aws:s3:::vault': `arn:aws:s3:::${buckets.vault}` }

async function allowed(arn, policies, boundary, action, target, context) {
  const [, , , , principalAccount] = arn.split(':')
  const variables = { 'aws:PrincipalArn': arn, 'aws:PrincipalAccount': principalAccount, 'aws:SecureTransport': 'true', 'aws:PrincipalIsAWSService': 'false',
    ...(action.startsWith('s3:') ? { 's3:TlsVersion': '1.3' } : {}), ...context }
  for (const [key, value] of Object.entries(variables)) if (typeof value === 'string' && named[value]) variables[key] = named[value]
  const outcome = await runSimulation({
    request: { principal: arn, action, resource: { resource: target.arn, accountId: account }, contextVariables: variables },
    identityPolicies: policies.map((policy, i) => ({ name: `identity-${i}`, policy })),
    serviceControlPolicies: [], resourceControlPolicies: [], resourcePolicy: target.policy,
    permissionBoundaryPolicies: boundary ? [{ name: 'boundary', policy: boundary }] : undefined,
  }, {})
  if (outcome.resultType === 'error') throw new Error(`${action} on ${target.arn}: ${JSON.stringify(outcome.errors)}`)
  // A key that the action does not know was not evaluated: then the cell would say less than its sentence.
  const lost = (outcome.result?.ignoredContextKeys ?? []).filter((key) => Object.keys(context).some((k) => k.toLowerCase() === key.toLowerCase()))
  if (lost.length) throw new Error(`${action}: ${lost.join(', ')} was not evaluated`)
  return outcome.overallResult === 'Allowed'
}

const cells = []
const lines = []
const mark = (yes) => (yes ? '**yes**' : '·')
for (const [group, cases] of Object.entries({ ...groups, ...keyed })) {
  resources = group in keyed ? graph.keyed : graph.resources
  lines.push(`**${group}**`, '', `| may … | ${columns.join(' | ')} |`, `| --- |${' :-: |'.repeat(columns.length)}`)
  for (const [sentence, action, word, context, expected] of cases) {
    const row = []
    for (const column of columns) {
      const who = principal(column)
      const yes = await allowed(who.arn, who.policies, who.boundary, action, resource(word), context)
      cells.push({ group, case: sentence, column, allowed: yes, expected: expected.includes(column) })
      row.push(mark(yes))
    }
    lines.push(`| ${sentence} | ${row.join(' | ')} |`)
  }
  lines.push('')
}

resources = graph.resources
const roles = ['restore-operator', 'auditor', 'vault-admin']
lines.push('**Taking a role**', '', `| may take … | ${['identity-center', 'iam-users'].flatMap((k) => roles.map((r) => `${r} (${k})`)).join(' | ')} |`, `| --- |${' :-: |'.repeat(6)}`)
const people = { sso: (n) => `arn:aws:iam::${account}:role/aws-reserved/sso.amazonaws.com/${graph.region}/AWSReservedSSO_${n}_0123456789abcdef`,
  user: (n) => `arn:aws:iam::${account}:user/${n}`, role: (n) => `arn:aws:iam::${account}:role/${n}`, foreign: () => 'arn:aws:iam::999988887777:role/Administrator' }
for (const [sentence, who, context, expected] of trust) {
  const [kind, name] = who.split(':')
  const row = []
  for (const [column, trusts] of [['center', graph.resources], ['users', graph.users]]) {
    for (const role of roles) {
      const document = trusts.find((r) => r.type.endsWith(':Role') && r.inputs.name.endsWith(`-${role}`)).inputs.assumeRolePolicy
      const yes = await allowed(people[kind](name), [administrator], null, 'sts:AssumeRole', { arn: `arn:aws:iam::${account}:role/${stem}-${role}`, policy: JSON.parse(document) }, context)
      cells.push({ group: 'Taking a role', case: sentence, column: `${role} (${column})`, allowed: yes, expected: expected[column].includes(role) })
      row.push(mark(yes))
    }
  }
  lines.push(`| ${sentence} | ${row.join(' | ')} |`)
}
console.log(JSON.stringify({ cells, markdown: lines.join('\n') + '\n' }))
