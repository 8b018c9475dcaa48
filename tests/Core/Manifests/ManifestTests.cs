using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Backup.Core.Model;

namespace Backup.Core.Tests.Manifests;

public sealed class ManifestTests
{
    private static readonly string _golden = Path.Combine(AppContext.BaseDirectory, "Golden", "manifest-v1.json");

    private static byte[] Golden => File.ReadAllBytes(_golden);

    [Fact]
    public void Version_1_is_read_for_ever()
    {
        var m = ManifestJson.Read(Golden, "golden");
        Assert.Equal((1, "bloom_20260301T020000Z", "bloom", "production"), (m.SchemaVersion, m.Id, m.Project, m.Environment));
        Assert.Equal((Provider.Neon, Tier.Monthly, BackupKind.Scheduled), (m.Provider, m.Tier, m.Kind));
        Assert.Equal(new DateTimeOffset(2026, 3, 1, 2, 0, 3, TimeSpan.Zero), m.StartedAt);
        Assert.Equal(new Deployment("0123abc", "main"), m.Deployment);
        Assert.Equal(new Totals(700, 300, 12, 2), m.Totals);
        Assert.Equal(new SourceFacts("db.example.org", 5432, "bloom", "7300000000000000001"), m.Source);
        Assert.Equal("C.UTF-8", m.Snapshot.Collation);
        Assert.Equal(("i", "de-u-co-phonebk"), (m.Snapshot.LocaleProvider, m.Snapshot.IcuLocale));
        Assert.Equal([new ExtensionFact("pg_trgm", "1.6", "public")], m.Snapshot.Extensions);
        var sequence = Assert.Single(m.Snapshot.Sequences);
        Assert.Equal((new TableName("public", "s"), 5L, 7L, true, -1L), (sequence.Sequence, sequence.Before, sequence.After, sequence.CalledAfter, sequence.Increment));
        Assert.Equal([new TableName("public", "far")], m.Snapshot.WithoutRows);
        Assert.Equal([ArtifactRole.Base, ArtifactRole.Chunk, ArtifactRole.Globals], m.Artifacts.Select(a => a.Role));
        var chunk = m.Artifacts[1];
        Assert.Equal((new TableName("public", "p \"1\""), new TableName("public", "p"), 16384u, 12L), (chunk.Table, chunk.LoadInto, chunk.Oid, chunk.Rows));
        Assert.Equal(["id", "v"], chunk.Columns!);
        Assert.Equal(["zstd", "gpg"], chunk.Filters);
        Assert.Equal("0123456789abcdef0123456789abcdef", m.Fingerprints[0].Hash);
        Assert.Equal(LockMode.Governance, m.Lock!.Mode);
        Assert.Equal("globals.missing", Assert.Single(m.Findings).Code);
        Assert.Equal(2, m.RestoreByHand.Count);
    }

    [Fact]
    public void Writing_what_was_read_gives_the_same_bytes() =>
        Assert.Equal(Encoding.UTF8.GetString(Golden), Encoding.UTF8.GetString(ManifestJson.Write(ManifestJson.Read(Golden, "golden"))));

    [Fact]
    public void Fields_that_are_not_known_survive_reading_and_writing()
    {
        var json = Signed(Encoding.UTF8.GetString(Golden).Replace("  \"project\"", "  \"later\": { \"a\": [1, \"ü\"] },\n  \"project\"", StringComparison.Ordinal));
        var written = Encoding.UTF8.GetString(ManifestJson.Write(ManifestJson.Read(json, "newer")));
        using var document = JsonDocument.Parse(written);
        var later = document.RootElement.GetProperty("later").GetProperty("a");
        Assert.Equal((1, "ü"), (later[0].GetInt32(), later[1].GetString()));
        ManifestJson.Read(Encoding.UTF8.GetBytes(written), "again");
    }

    [Theory]
    [InlineData("\"schemaVersion\": 1", "\"schemaVersion\": 2")]
    [InlineData("\"role\": \"base\"", "\"role\": \"cornerstone\"")]
    public void A_version_that_is_not_known_is_refused_with_a_sentence(string from, string to)
    {
        var text = Encoding.UTF8.GetString(Golden).Replace(from, to, StringComparison.Ordinal).Replace("\"schemaVersion\": 1", "\"schemaVersion\": 2", StringComparison.Ordinal);
        var refused = Assert.Throws<BackupException>(() => ManifestJson.Read(Signed(text), "a/manifest.json"));
        Assert.Equal(ErrorCode.BackupFormat, refused.Code);
        Assert.Equal("a/manifest.json has schemaVersion 2; this program reads 1", refused.Message);
        Assert.Equal("Use a newer version of this program.", refused.NextStep);
    }

    [Fact]
    public void A_flipped_bit_in_any_byte_is_found()
    {
        var bytes = Golden;
        for (var i = 0; i < bytes.Length; i++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                bytes[i] ^= (byte)(1 << bit);
                var found = Assert.Throws<BackupException>(() => ManifestJson.Read(bytes, "k"));
                Assert.Equal(ErrorCode.BackupDamaged, found.Code);
                bytes[i] ^= (byte)(1 << bit);
            }
        }
    }

    [Fact]
    public void A_manifest_that_is_cut_anywhere_or_longer_is_damaged()
    {
        var bytes = Golden;
        for (var length = 0; length < bytes.Length; length++)
            Assert.Equal(ErrorCode.BackupDamaged, Assert.Throws<BackupException>(() => ManifestJson.Read(bytes.AsSpan(0, length), "k")).Code);
        Assert.Equal(ErrorCode.BackupDamaged, Assert.Throws<BackupException>(() => ManifestJson.Read([.. bytes, (byte)'\n'], "k")).Code);
    }

    private static byte[] Signed(string text)
    {
        const string field = "\"manifestSha256\": \"";
        var at = text.LastIndexOf(field, StringComparison.Ordinal) + field.Length;
        var blank = text[..at] + new string('0', 64) + text[(at + 64)..];
        return Encoding.UTF8.GetBytes(text[..at] + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(blank))) + text[(at + 64)..]);
    }
}
