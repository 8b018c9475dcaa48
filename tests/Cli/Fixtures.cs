using Backup.Tests.Support;

[assembly: AssemblyFixture(typeof(PostgresFixture))]
