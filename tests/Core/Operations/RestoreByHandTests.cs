using Backup.Core.Model;
using Backup.Core.Operations;
using Backup.Core.Storage;
using Backup.Tests.Support;
using S3Location = Backup.Core.Storage.S3Location;

namespace Backup.Core.Tests.Operations;

/// <summary>The commands of a manifest, run by bash as they are printed: a backup must outlive the program that made it.</summary>
public sealed class RestoreByHandTests(PostgresFixture postgres)
{
    private const string Schema = """
        CREATE TYPE mood AS ENUM ('a', 'b', 'ü');
        CREATE TABLE "new
        line" (id int PRIMARY KEY, "it's" text);
        INSERT INTO "new
        line" SELECT i, 'x' || i FROM generate_series(1, 500) i;
        CREATE TABLE "$(touch /tmp/no) `x` \ ""q"" ü" (v text);
        INSERT INTO "$(touch /tmp/no) `x` \ ""q"" ü" SELECT E'a\tb\nc\\' || i FROM generate_series(1, 200) i;
        CREATE TABLE by_mood (m mood, n int) PARTITION BY HASH (m);
        CREATE TABLE by_mood_0 PARTITION OF by_mood FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE by_mood_1 PARTITION OF by_mood FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO by_mood SELECT (enum_range(NULL::mood))[1 + i % 3], i FROM generate_series(1, 999) i;
        CREATE TABLE deleted (v int); INSERT INTO deleted SELECT generate_series(1, 1000); DELETE FROM deleted;
        CREATE MATERIALIZED VIEW sums AS SELECT m, sum(n) FROM by_mood GROUP BY m;
        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("UTF8", "C.UTF-8")]
    [InlineData("SQL_ASCII", "C")]
    public async Task The_printed_commands_restore_a_folder_and_need_nothing_of_ours(string encoding, string locale)
    {
        await using var source = await postgres.CreateDatabaseAsync("by 'hand' = \"ü\"", "template0", encoding, locale);
        await Database.SqlAsync(source.Url, Schema + $"""
            ALTER DATABASE {Database.Quoted(source.Name)} SET app.greeting = 'a ''quoted'' \ :db $HOME';
            COMMENT ON DATABASE {Database.Quoted(source.Name)} IS 'for {Quote("database")}, :"db", `date`'
            """);
        await using var lab = new Lab(postgres);
        var run = await lab.RunAsync(source.Url, d => d with { ShardAbove = 1 });
        var script = string.Join('\n', run.Manifest!.RestoreByHand);
        Assert.DoesNotContain(script.Split('\n'), l => l.StartsWith("backup ", StringComparison.Ordinal) || l.Contains("| backup", StringComparison.Ordinal));
        var url = await lab.NewUrlAsync("hand = 'made'");
        await Shell.BashAsync(postgres, $"cd '{Path.Combine(lab.VaultFolder, run.Prefix!)}'\n{script}", url, null);
        Assert.Equal([], await lab.DifferencesAsync(source.Url, url, new ComparisonOptions { DatabaseLevel = true }));
        Assert.False(File.Exists("/tmp/no"));
    }

    [Fact]
    public async Task A_flipped_bit_stops_the_printed_commands_before_they_make_anything()
    {
        await using var source = await postgres.CreateDatabaseAsync("hand");
        await Database.SqlAsync(source.Url, Schema);
        await using var lab = new Lab(postgres);
        var run = await lab.RunAsync(source.Url, d => d with { ShardAbove = 1 });
        var file = Path.Combine(lab.VaultFolder, run.Manifest!.Artifacts.First(a => a.Role == ArtifactRole.Chunk).Key);
        var bytes = await File.ReadAllBytesAsync(file, Cancel);
        bytes[^1] ^= 1;
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.WriteAllBytesAsync(file, bytes, Cancel);
        var url = await lab.NewUrlAsync("hand");
        var error = await Shell.BashAsync(postgres, $"cd '{Path.Combine(lab.VaultFolder, run.Prefix!)}'\n{string.Join('\n', run.Manifest.RestoreByHand)}", url, null, exit: 1);
        Assert.Contains("did NOT match", error, StringComparison.Ordinal);
        Assert.DoesNotContain(await lab.DatabasesAsync(), d => url.Contains(d, StringComparison.Ordinal) && d.StartsWith("hand_", StringComparison.Ordinal) && d != source.Name);
    }

    [Fact]
    public async Task From_S3_the_copy_of_the_AWS_command_line_is_enough_and_gpg_opens_it()
    {
        Assert.SkipWhen(MotoServer.WhyNot() is not null, MotoServer.WhyNot() ?? "");
        await using var moto = await MotoServer.StartAsync();
        var root = $"s3://{await moto.MakeBucketAsync()}";
        var location = (S3Location)VaultLocation.Parse($"{root}?region=eu-central-1&endpoint={moto.Endpoint}", null);
        await using var source = await postgres.CreateDatabaseAsync("hand");
        await Database.SqlAsync(source.Url, Schema);
        await using var keys = await GpgKeys.MakeAsync(postgres.Machine, Cancel);
        await using var lab = new Lab(postgres, new S3Vault(location, TimeProvider.System, new S3Tuning { Credentials = MotoServer.Credentials }));
        var run = await lab.RunAsync(lab.Request(source.Url, d => d with { ShardAbove = 1 }) with { GpgRecipients = [keys.PublicKeyFile] });
        var url = await lab.NewUrlAsync("hand");
        await Shell.BashAsync(postgres, $"cd \"$(mktemp -d)\"; aws s3 cp --quiet --recursive {RestoreByHand.Shell($"{root}/{run.Prefix}")} .\n{string.Join('\n', run.Manifest!.RestoreByHand)}", url, new()
        {
            ["AWS_ENDPOINT_URL"] = moto.Endpoint.ToString(),
            ["AWS_ACCESS_KEY_ID"] = "AKIAIOSFODNN7EXAMPLE",
            ["AWS_SECRET_ACCESS_KEY"] = "hunter2",
            ["AWS_DEFAULT_REGION"] = "eu-central-1",
            ["GNUPGHOME"] = keys.Machine["GNUPGHOME"]!,
        });
        Assert.Equal([], await lab.DifferencesAsync(source.Url, url));
    }

    private static string Quote(string word) => $"{{{word}}}";
}
