using Backup.Lambda.Tests;
using Backup.Tests.Support;

[assembly: AssemblyFixture(typeof(PostgresFixture))]
[assembly: AssemblyFixture(typeof(CloudFixture))]
