using System.Text.Json;
using Amazon.S3;
using Amazon.S3.Model;
using Backup.Tests.Support;

namespace Backup.Cli.Tests;

/// <summary>A bucket whose objects have moved to an archive class, and the real program over it.</summary>
public sealed class ThawTests(PostgresFixture postgres) : IDisposable
{
    private readonly string _temp = Directory.CreateTempSubdirectory("backup-thaw-").FullName;
    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);

    [Fact]
    public async Task Thaw_asks_for_the_objects_of_the_backup_and_of_its_increments_at_once()
    {
        if (MotoServer.WhyNot() is { } reason) Assert.Skip(reason);
        await using var s3 = await MotoServer.StartAsync();
        var bucket = await s3.MakeBucketAsync();
        await using var source = await postgres.CreatePasswordDatabaseAsync("thaw");
        await Database.SqlAsync(source.Url, "CREATE TABLE ledger (id int PRIMARY KEY); INSERT INTO ledger SELECT generate_series(1, 10)");
        var target = (await postgres.PasswordServerAsync()).Url($"{source.Name}_restored");
        foreach (var (name, value) in new Dictionary<string, string>
        {
            ["DATABASE_URL"] = source.Url,
            ["TARGET"] = target,
            ["AWS_ACCESS_KEY_ID"] = MotoServer.Credentials.GetCredentials().AccessKey,
            ["AWS_SECRET_ACCESS_KEY"] = MotoServer.Credentials.GetCredentials().SecretKey,
        }) _environment[name] = value;
        string[] vault = ["--vault", $"s3://{bucket}?region=eu-central-1&endpoint={s3.Endpoint}"];
        Assert.Equal(0, (await RunAsync(["run", "--source", "${DATABASE_URL}", .. vault])).Exit);
        await Database.SqlAsync(source.Url, "INSERT INTO ledger VALUES (11)");
        Assert.Equal(0, (await RunAsync(["incremental", "--source", "${DATABASE_URL}", "--table", "public.ledger", .. vault])).Exit);
        var keys = await FreezeAsync(s3.Client, bucket);
        var increment = Assert.Single(keys, k => k.Contains("-inc/", StringComparison.Ordinal)).Split('/')[^4];
        string[] restore = ["restore", "latest", "--target", "${TARGET}", "--create", .. vault];

        var (exit, _, error) = await RunAsync(restore);
        Assert.Equal(1, exit);
        Assert.Contains($"error: {keys.Count - 1} of {keys.Count - 1} objects of ", error, StringComparison.Ordinal); // it does not read the globals
        Assert.Contains($"[vault.cold] → Ask for them now: backup restore {increment} --thaw", error, StringComparison.Ordinal);

        (exit, var output, _) = await RunAsync(["restore", increment, "--thaw", "--output", "json", .. vault]);
        Assert.Equal(0, exit);
        var asked = JsonDocument.Parse(output).RootElement;
        Assert.Equal((keys.Count, increment), (asked.GetProperty("objects").GetInt32(), asked.GetProperty("increments")[0].GetString()!));
        Assert.Contains("3 to 5 hours", asked.GetProperty("expect").GetString(), StringComparison.Ordinal);

        Assert.Equal(0, (await RunAsync(restore)).Exit);
        Assert.Equal(11, await Database.ScalarAsync<long>(target, "SELECT count(*) FROM ledger"));
    }

    public void Dispose() => Directory.Delete(_temp, recursive: true);

    /// <summary>What a lifecycle rule does to the artifacts.</summary>
    private static async Task<List<string>> FreezeAsync(AmazonS3Client client, string bucket)
    {
        var cancel = TestContext.Current.CancellationToken;
        var listed = await client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket }, cancel);
        var keys = listed.S3Objects.Select(o => o.Key).Where(k => k.EndsWith(".zst", StringComparison.Ordinal)).ToList();
        foreach (var key in keys)
            await client.CopyObjectAsync(new CopyObjectRequest { SourceBucket = bucket, SourceKey = key, DestinationBucket = bucket, DestinationKey = key, StorageClass = S3StorageClass.Glacier }, cancel);
        return keys;
    }

    private async Task<(int Exit, string Output, string Error)> RunAsync(string[] arguments)
    {
        using var program = CliProcess.Start(_temp, _environment, arguments);
        return (await program.ExitAsync(), await program.Output, program.Error);
    }
}
